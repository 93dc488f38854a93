/**
 * A question to the visitor: title, text, yes and no.
 *
 * Owns the dialog's elements, its keys and the focus. It takes the focus itself, not one of its buttons: a key that was
 * meant for the page answers nothing. Only what a person does counts.
 */

import { guarded, on } from "../guard/guard.js";
import { OwnPromise } from "../guard/own.js";
import type { Shell } from "../visitor/widget.js";

/** What is asked. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly link: { readonly url: string; readonly text: string } | null;
  readonly yes: string;
  readonly no: string;
}

/** An open question. */
export interface Asking {
  /** Whether the visitor said yes; `false` also when the question was taken back. */
  readonly answer: Promise<boolean>;
  close(): void;
}

/** Asks. `name` stands on the widget's host while the dialog is open. */
export function ask(shell: Shell, name: string, question: Question): Asking {
  const page = shell.host.ownerDocument;
  const make = (tag: string, className: string, text: string): HTMLElement => {
    const element = page.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
  };
  const dialog = make("div", "dialog", "");
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-modal", "true");
  dialog.tabIndex = -1;
  const title = make("h2", "", question.title);
  title.id = "dialog-title";
  const text = make("p", "text", question.text);
  text.id = "dialog-text";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.setAttribute("aria-describedby", text.id);
  const yes = make("button", "yes", question.yes) as HTMLButtonElement;
  const no = make("button", "plain", question.no) as HTMLButtonElement;
  yes.type = no.type = "button";
  const row = make("div", "row", "");
  row.append(yes, no);
  dialog.append(title, text);
  if (question.link) {
    const link = make("a", "", question.link.text) as HTMLAnchorElement;
    link.href = question.link.url;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    dialog.append(link);
  }
  dialog.append(row);

  const before = page.activeElement as HTMLElement | null;
  let finish: (isYes: boolean) => void = () => undefined;
  const answer = new OwnPromise<boolean>((resolve) => {
    finish = (isYes) => {
      if (!dialog.isConnected) return;
      dialog.remove();
      if (shell.host.dataset.dialog === name) delete shell.host.dataset.dialog;
      before?.focus({ preventScroll: true });
      resolve(isYes);
    };
  });
  const trusted = (isYes: boolean) => (event: Event) => {
    if (event.isTrusted) finish(isYes);
  };
  on(yes, "click", guarded(trusted(true)));
  on(no, "click", guarded(trusted(false)));
  on(
    dialog,
    "keydown",
    guarded((event: KeyboardEvent) => {
      if (!event.isTrusted) return;
      // The page behind has shortcuts of its own.
      event.stopPropagation();
      if (event.key === "Escape") finish(false);
      if (event.key === "Tab") keepInside(event, shell.root, dialog);
    }),
  );
  shell.root.append(dialog);
  shell.host.dataset.dialog = name;
  dialog.focus({ preventScroll: true });
  return {
    answer,
    close: () => {
      finish(false);
    },
  };
}

/** The focus goes round within the dialog. */
function keepInside(event: KeyboardEvent, root: ShadowRoot, dialog: HTMLElement): void {
  const all = [...dialog.querySelectorAll<HTMLElement>("a[href],button")];
  const at = all.indexOf(root.activeElement as HTMLElement);
  const to = event.shiftKey ? (at <= 0 ? all.length - 1 : at - 1) : (at + 1) % all.length;
  event.preventDefault();
  all[to]?.focus();
}
