/** German. */

import type { AssistWords, WidgetWords } from "./types.js";

export const widget: WidgetWords = {
  label: "Bildschirm teilen",
  code: "Ihr Code: {key}",
  end: "Beenden",
  endLabel: "Teilen beenden",
  close: "Schließen",
  closeLabel: "Diese Meldung schließen",
  pause: "Pause",
  pauseLabel: "Teilen unterbrechen",
  resume: "Weiter",
  resumeLabel: "Weiter teilen",
  agent: "Berater",
  and: "und",
  more: "{names} und {count} weitere",
  connecting: "Verbindung wird aufgebaut …",
  ready: "Bereit. Nennen Sie dem Berater Ihren Code.",
  shared: "Geteilt mit {names}",
  paused: "Unterbrochen: Niemand sieht diese Seite.",
  reconnecting: "Verbindung verloren. Neuer Versuch …",
  passive: "Hier unterbrochen: Ein anderer Tab wird gezeigt.",
  ended: "Das Teilen ist beendet.",
  tooLarge: "Diese Seite ist zu groß, um geteilt zu werden.",
  failed: "Diese Seite kann nicht geteilt werden.",
  notStarted: "Das Teilen konnte nicht beginnen. Bitte versuchen Sie es später.",
  ends: {
    stopped: "Sie haben das Teilen beendet.",
    session_ended_visitor: "Sie haben das Teilen beendet.",
    session_ended_agent: "Der Berater hat das Teilen beendet.",
    session_ended_timeout: "Das Teilen ist beendet, weil diese Seite zu lange fort war.",
    not_found: "Das Teilen ist beendet: Die Sitzung gibt es nicht mehr.",
    not_allowed: "Das Teilen ist beendet: Auf dieser Website ist es nicht erlaubt.",
    superseded: "Das Teilen geht in einer anderen Sitzung weiter.",
    incompatible: "Das Teilen ist beendet: Bitte laden Sie die Seite neu.",
    unreachable: "Das Teilen ist beendet: Der Server war nicht zu erreichen.",
  },
  errors: {
    not_allowed: "Auf dieser Website ist das Teilen nicht erlaubt.",
    group_not_allowed: "Auf dieser Seite ist das Teilen nicht erlaubt.",
    key_in_use: "Eine Sitzung mit diesem Code läuft schon. Bitte versuchen Sie es erneut.",
    no_server: "Alle Server sind belegt. Bitte versuchen Sie es in einer Minute.",
    too_many: "Zu viele Versuche. Bitte versuchen Sie es in einer Minute.",
    bad_request: "Der Code ist nicht gültig.",
    declined: "Sie haben abgelehnt. Nichts wurde geteilt.",
    unreachable: "Der Server war nicht zu erreichen. Bitte prüfen Sie die Verbindung.",
  },
};

export const assist: AssistWords = {
  controls: "{name} steuert diese Seite",
  suspended: "{name} wartet, während Sie die Seite benutzen",
  takeBack: "Steuerung zurücknehmen",
  askTitle: "{name} möchte diese Seite steuern",
  askText:
    "Wenn Sie es erlauben, kann {name} hier klicken, blättern und schreiben. Verdeckte Felder bleiben zu. Sie können die Steuerung jederzeit zurücknehmen.",
  allow: "Erlauben",
  deny: "Nicht erlauben",
  released: "Sie haben die Steuerung wieder.",
  termsTitle: "Bevor Ihr Bildschirm geteilt wird",
  termsText:
    "Ein Berater sieht dann diese Seite, ohne das, was verdeckt ist. Sie können es jederzeit beenden.",
  termsMore: "Mehr dazu",
  shows: "{name} zeigt auf: {what}",
  help: "Hilfe",
  accept: "Annehmen",
  decline: "Ablehnen",
  offerTitle: "{name} bietet Hilfe an",
  offerText:
    "Wenn Sie annehmen, sieht {name} diese Seite, ohne das, was verdeckt ist. Sie können es jederzeit beenden.",
};
