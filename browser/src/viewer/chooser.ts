/**
 * Lists and fields whose choice a browser opens by itself, and so cannot be opened in a picture: selects, dates, colours.
 *
 * Owns the box that stands in for them at the agent. What is chosen is typed into the visitor's element.
 */

/** The box. */
export class Chooser {
  private readonly box: HTMLElement;

  constructor(private readonly onChoice: (node: number, payload: object) => void) {
    const box = document.getElementById("chooser");
    if (!box) throw new Error("viewer.html lacks #chooser");
    this.box = box;
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
  }

  /** Opens the box for an element that needs it; whether it does. */
  open(node: number, element: Element, at: { readonly clientX: number; readonly clientY: number }): boolean {
    const control = this.listOf(node, element) ?? this.fieldOf(node, element);
    if (!control) return false;
    const frame = this.box.parentElement?.getBoundingClientRect();
    this.box.replaceChildren(control);
    this.box.hidden = false;
    this.box.style.left = `${String(at.clientX - (frame?.left ?? 0))}px`;
    this.box.style.top = `${String(at.clientY - (frame?.top ?? 0))}px`;
    control.focus();
    return true;
  }

  /** Closes it. */
  close(): void {
    this.box.hidden = true;
    this.box.replaceChildren();
  }

  private listOf(node: number, element: Element): HTMLElement | null {
    const mirrored = element.localName === "option" ? element.closest("select") : element;
    if (mirrored?.localName !== "select") return null;
    const { options, multiple } = mirrored as HTMLSelectElement;
    const list = document.createElement("select");
    list.ariaLabel = "Choose for the visitor";
    list.multiple = multiple;
    list.size = Math.min(LINES_MAX, Math.max(2, options.length));
    for (const { text, disabled, selected } of options) {
      const option = new Option(text, "", selected, selected);
      option.disabled = disabled;
      list.append(option);
    }
    list.addEventListener("change", () => {
      this.onChoice(node, { choose: [...list.selectedOptions].map((option) => option.index) });
      if (!multiple) this.close();
    });
    return list;
  }

  private fieldOf(node: number, element: Element): HTMLElement | null {
    const type = element.localName === "input" ? (element as HTMLInputElement).type : "";
    if (!PICKED.has(type)) return null;
    const field = document.createElement("input");
    field.type = type;
    field.ariaLabel = "Set for the visitor";
    field.value = (element as HTMLInputElement).value;
    for (const name of ["min", "max", "step"]) {
      const value = element.getAttribute(name);
      if (value !== null) field.setAttribute(name, value);
    }
    field.addEventListener("change", () => {
      this.onChoice(node, { value: field.value });
    });
    return field;
  }
}

const PICKED = new Set(["date", "time", "datetime-local", "month", "week", "range", "color"]);

const LINES_MAX = 8;
