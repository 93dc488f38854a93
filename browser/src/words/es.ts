/** Spanish. */

import type { AssistWords, WidgetWords } from "./types.js";

export const widget: WidgetWords = {
  label: "Pantalla compartida",
  code: "Su código: {key}",
  end: "Terminar",
  endLabel: "Dejar de compartir",
  close: "Cerrar",
  closeLabel: "Cerrar este mensaje",
  pause: "Pausa",
  pauseLabel: "Pausar la pantalla compartida",
  resume: "Seguir",
  resumeLabel: "Seguir compartiendo",
  agent: "Agente",
  and: "y",
  more: "{names} y {count} más",
  connecting: "Conectando…",
  ready: "Listo. Dé su código al agente.",
  shared: "Pantalla compartida con {names}",
  paused: "En pausa: nadie ve esta página.",
  reconnecting: "Conexión perdida. Se intenta de nuevo…",
  passive: "En pausa aquí: se muestra otra pestaña.",
  ended: "Se ha dejado de compartir.",
  tooLarge: "Esta página es demasiado grande para compartirla.",
  failed: "Esta página no se puede compartir.",
  notStarted: "No se pudo empezar a compartir. Inténtelo más tarde.",
  ends: {
    stopped: "Ha dejado de compartir.",
    session_ended_visitor: "Ha dejado de compartir.",
    session_ended_agent: "El agente ha terminado la sesión.",
    session_ended_timeout: "Se ha dejado de compartir: esta página estuvo ausente demasiado tiempo.",
    not_found: "Se ha dejado de compartir: la sesión ya no existe.",
    not_allowed: "Se ha dejado de compartir: no está permitido en este sitio.",
    superseded: "Se sigue compartiendo en otra sesión.",
    incompatible: "Se ha dejado de compartir: vuelva a cargar la página.",
    unreachable: "Se ha dejado de compartir: no se pudo llegar al servidor.",
  },
  errors: {
    not_allowed: "En este sitio no está permitido compartir.",
    group_not_allowed: "En esta página no está permitido compartir.",
    key_in_use: "Ya hay una sesión con este código. Inténtelo de nuevo.",
    no_server: "Todos los servidores están ocupados. Inténtelo en un minuto.",
    too_many: "Demasiados intentos. Inténtelo en un minuto.",
    bad_request: "El código no es válido.",
    declined: "Ha rechazado. No se ha compartido nada.",
    unreachable: "No se pudo llegar al servidor. Compruebe la conexión.",
  },
};

export const assist: AssistWords = {
  controls: "{name} controla esta página",
  suspended: "{name} espera mientras usted usa la página",
  takeBack: "Recuperar el control",
  askTitle: "{name} pide controlar esta página",
  askText:
    "Si lo permite, {name} puede hacer clic, desplazar y escribir aquí. Los campos ocultos siguen cerrados. Puede recuperar el control en cualquier momento.",
  allow: "Permitir",
  deny: "No permitir",
  released: "Usted tiene de nuevo el control.",
  termsTitle: "Antes de compartir su pantalla",
  termsMore: "Leer más",
  accept: "Aceptar",
  decline: "Rechazar",
  offerTitle: "{name} ofrece su ayuda",
  offerText:
    "Si acepta, {name} ve esta página, sin lo que está oculto. Puede terminarlo en cualquier momento.",
};
