/** French. */

import type { AssistWords, WidgetWords } from "./types.js";

export const widget: WidgetWords = {
  label: "Partage d’écran",
  code: "Votre code : {key}",
  end: "Terminer",
  endLabel: "Terminer le partage",
  close: "Fermer",
  closeLabel: "Fermer ce message",
  pause: "Pause",
  pauseLabel: "Suspendre le partage",
  resume: "Reprendre",
  resumeLabel: "Reprendre le partage",
  agent: "Conseiller",
  and: "et",
  more: "{names} et {count} autres",
  connecting: "Connexion…",
  ready: "Prêt. Donnez votre code au conseiller.",
  shared: "Écran partagé avec {names}",
  paused: "En pause : personne ne voit cette page.",
  reconnecting: "Connexion perdue. Nouvel essai…",
  passive: "En pause ici : un autre onglet est affiché.",
  ended: "Le partage est terminé.",
  tooLarge: "Cette page est trop grande pour être partagée.",
  failed: "Cette page ne peut pas être partagée.",
  notStarted: "Le partage n’a pas pu commencer. Veuillez réessayer plus tard.",
  ends: {
    stopped: "Vous avez terminé le partage.",
    session_ended_visitor: "Vous avez terminé le partage.",
    session_ended_agent: "Le conseiller a terminé le partage.",
    session_ended_timeout: "Le partage est terminé : cette page a été absente trop longtemps.",
    not_found: "Le partage est terminé : la session n’existe plus.",
    not_allowed: "Le partage est terminé : il n’est pas permis sur ce site.",
    superseded: "Le partage continue dans une autre session.",
    incompatible: "Le partage est terminé : veuillez recharger la page.",
    unreachable: "Le partage est terminé : le serveur est injoignable.",
  },
  errors: {
    not_allowed: "Le partage n’est pas permis sur ce site.",
    group_not_allowed: "Le partage n’est pas permis sur cette page.",
    key_in_use: "Une session avec ce code est déjà en cours. Veuillez réessayer.",
    no_server: "Tous les serveurs sont occupés. Veuillez réessayer dans une minute.",
    too_many: "Trop d’essais. Veuillez réessayer dans une minute.",
    bad_request: "Le code n’est pas valable.",
    declined: "Vous avez refusé. Rien n’a été partagé.",
    unreachable: "Le serveur est injoignable. Vérifiez la connexion et réessayez.",
  },
};

export const assist: AssistWords = {
  controls: "{name} contrôle cette page",
  suspended: "{name} attend pendant que vous utilisez la page",
  takeBack: "Reprendre le contrôle",
  askTitle: "{name} demande à contrôler cette page",
  askText:
    "Si vous l’autorisez, {name} peut cliquer, défiler et écrire ici. Les champs masqués restent fermés. Vous pouvez reprendre le contrôle à tout moment.",
  allow: "Autoriser",
  deny: "Ne pas autoriser",
  released: "Vous avez de nouveau le contrôle.",
  termsTitle: "Avant de partager votre écran",
  termsText:
    "Un conseiller verra cette page, sans ce qui est masqué. Vous pouvez y mettre fin à tout moment.",
  termsMore: "En savoir plus",
  shows: "{name} montre : {what}",
  help: "Aide",
  accept: "Accepter",
  decline: "Refuser",
  offerTitle: "{name} propose son aide",
  offerText:
    "Si vous acceptez, {name} voit cette page, sans ce qui est masqué. Vous pouvez y mettre fin à tout moment.",
};
