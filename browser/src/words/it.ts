/** Italian. */

import type { AssistWords, WidgetWords } from "./types.js";

export const widget: WidgetWords = {
  label: "Condivisione dello schermo",
  code: "Il suo codice: {key}",
  end: "Termina",
  endLabel: "Termina la condivisione",
  close: "Chiudi",
  closeLabel: "Chiudi questo messaggio",
  pause: "Pausa",
  pauseLabel: "Sospendi la condivisione",
  resume: "Riprendi",
  resumeLabel: "Riprendi la condivisione",
  agent: "Operatore",
  and: "e",
  more: "{names} e altri {count}",
  connecting: "Connessione…",
  ready: "Pronto. Comunichi il codice all’operatore.",
  shared: "Schermo condiviso con {names}",
  paused: "In pausa: nessuno vede questa pagina.",
  reconnecting: "Connessione persa. Nuovo tentativo…",
  passive: "In pausa qui: è mostrata un’altra scheda.",
  ended: "La condivisione è terminata.",
  tooLarge: "Questa pagina è troppo grande per essere condivisa.",
  failed: "Questa pagina non può essere condivisa.",
  notStarted: "La condivisione non è iniziata. Riprovi più tardi.",
  ends: {
    stopped: "Ha terminato la condivisione.",
    session_ended_visitor: "Ha terminato la condivisione.",
    session_ended_agent: "L’operatore ha terminato la condivisione.",
    session_ended_timeout: "La condivisione è terminata: questa pagina è stata via troppo a lungo.",
    not_found: "La condivisione è terminata: la sessione non esiste più.",
    not_allowed: "La condivisione è terminata: non è permessa su questo sito.",
    superseded: "La condivisione continua in un’altra sessione.",
    incompatible: "La condivisione è terminata: ricarichi la pagina.",
    unreachable: "La condivisione è terminata: il server non è raggiungibile.",
  },
  errors: {
    not_allowed: "La condivisione non è permessa su questo sito.",
    group_not_allowed: "La condivisione non è permessa su questa pagina.",
    key_in_use: "Una sessione con questo codice è già in corso. Riprovi.",
    no_server: "Tutti i server sono occupati. Riprovi tra un minuto.",
    too_many: "Troppi tentativi. Riprovi tra un minuto.",
    bad_request: "Il codice non è valido.",
    declined: "Ha rifiutato. Nulla è stato condiviso.",
    unreachable: "Il server non è raggiungibile. Controlli la connessione.",
  },
};

export const assist: AssistWords = {
  controls: "{name} controlla questa pagina",
  suspended: "{name} attende mentre lei usa la pagina",
  takeBack: "Riprendi il controllo",
  askTitle: "{name} chiede di controllare questa pagina",
  askText:
    "Se lo permette, {name} può cliccare, scorrere e scrivere qui. I campi nascosti restano chiusi. Può riprendere il controllo in ogni momento.",
  allow: "Permetti",
  deny: "Non permettere",
  released: "Ha di nuovo il controllo.",
  termsTitle: "Prima di condividere lo schermo",
  termsMore: "Per saperne di più",
  accept: "Accetta",
  decline: "Rifiuta",
  offerTitle: "{name} offre aiuto",
  offerText:
    "Se accetta, {name} vede questa pagina, senza ciò che è nascosto. Può terminare in ogni momento.",
};
