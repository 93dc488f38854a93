/**
 * The widget's style. Text for a constructed style sheet, which a page's policy does not refuse.
 */

/** Style of the widget's shadow root. */
export const WIDGET_CSS = `
:host { all: initial !important; position: fixed !important; inset: 0 !important; pointer-events: none !important;
  z-index: 2147483647 !important; display: block !important; }
.layer { position: absolute; inset: 0; overflow: hidden; }
.pointer { position: absolute; left: 0; top: 0; width: 0; height: 0; will-change: transform; }
.pointer::before { content: ""; position: absolute; left: -9px; top: -9px; width: 14px; height: 14px;
  border: 2px solid #fff; border-radius: 50%; background: var(--agent); box-shadow: 0 0 0 2px #0003; }
.name { position: absolute; left: 14px; top: 8px; padding: 1px 7px; border-radius: 9px; background: var(--agent); color: #fff;
  font: 12px/1.5 system-ui, sans-serif; white-space: nowrap; max-width: 160px; overflow: hidden; text-overflow: ellipsis; }
.box { position: absolute; right: 16px; bottom: 16px; display: flex; align-items: center; gap: 12px;
  max-width: min(420px, calc(100vw - 32px)); box-sizing: border-box; padding: 12px 14px; border-radius: 10px;
  background: #fff; color: #1f2937; border: 1px solid #cbd5e1; box-shadow: 0 6px 24px #0003;
  font: 14px/1.4 system-ui, sans-serif; pointer-events: auto; }
.box { flex-wrap: wrap; }
.dot { flex: none; width: 10px; height: 10px; border-radius: 50%; background: #b45309; }
:host([data-state="live"]) .dot { background: #15803d; }
:host([data-state="ended"]) .dot { background: #64748b; }
.text { flex: 1 1 180px; min-width: 0; }
p { margin: 0; overflow-wrap: anywhere; }
.code { font-size: 17px; font-weight: 600; letter-spacing: 0.03em; }
.code[hidden], .code:empty { display: none; }
:host([data-place^="top"]) .box { top: 16px; bottom: auto; }
:host([data-place$="left"]) .box { left: 16px; right: auto; }
button { flex: none; min-height: 36px; padding: 6px 14px; border: 1px solid #b91c1c; border-radius: 7px; background: #b91c1c;
  color: #fff; font: 600 14px/1.2 system-ui, sans-serif; cursor: pointer; }
:host([data-state="ended"]) button, button.quiet { background: #fff; color: #1f2937; border-color: #94a3b8; }
button[hidden] { display: none; }
button:focus-visible { outline: 3px solid #1d4ed8; outline-offset: 2px; }
@media print { :host { display: none !important; } }
`;
