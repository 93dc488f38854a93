/** The style of what agents do, and of dialogs, in the widget's shadow root. */

export const ASSIST_CSS = `
.border { position: absolute; inset: 0; border: 3px solid var(--accent, #c2410c); box-sizing: border-box; opacity: .7; }
.border.controlled { border-width: 5px; opacity: 1; }
.border.suspended { border-style: dashed; }
.border[hidden], .control[hidden] { display: none; }
.mark { position: absolute; left: 0; top: 0; box-sizing: border-box; border: 3px solid; border-radius: 4px;
  box-shadow: 0 0 0 2px #fff; }
svg.ink { position: absolute; left: 0; top: 0; width: 1px; height: 1px; overflow: visible; }
svg.ink polyline { fill: none; stroke-width: 4; stroke-linecap: round; stroke-linejoin: round; }
.control { flex: 1 0 100%; display: flex; align-items: center; gap: 10px; padding-top: 8px; border-top: 1px solid #cbd5e1; }
.control p { flex: 1; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
button.plain { background: #fff; color: #1f2937; border-color: #94a3b8; }
.dialog { position: absolute; left: 50%; top: 50%; transform: translate(-50%, -50%); box-sizing: border-box;
  width: min(420px, calc(100vw - 32px)); max-height: calc(100vh - 32px); overflow: auto; padding: 20px; border-radius: 12px;
  background: #fff; color: #1f2937; border: 1px solid #cbd5e1; box-shadow: 0 10px 40px #0006;
  font: 15px/1.5 system-ui, sans-serif; pointer-events: auto; }
.dialog:focus { outline: 3px solid #1d4ed8; outline-offset: 2px; }
.dialog h2 { margin: 0 0 8px; font: 600 18px/1.3 system-ui, sans-serif; overflow-wrap: anywhere; }
.dialog .text { white-space: pre-line; margin: 0 0 12px; }
.dialog a { color: #1d4ed8; }
.dialog .row { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 16px; }
.dialog button.yes { background: #15803d; border-color: #15803d; }
`;
