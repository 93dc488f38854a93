/**
 * Events that no recorder makes: what a visitor may send who writes them by hand.
 *
 * Each is a keyframe or a diff, as the text of its JSON, since some of it no object could hold (`__proto__` as a name).
 */

/** One of them. A diff follows a keyframe whose body has the id 4 and a paragraph with the id 10. */
export interface Malformed {
  readonly name: string;
  readonly keyframe?: string;
  readonly diffs?: readonly string[];
  /** Facts that follow, as text. */
  readonly facts?: readonly string[];
}

const META = `{"type":4,"data":{"href":"https://shop.example/","width":800,"height":600},"timestamp":1}`;

const full = (children: string): string =>
  `{"type":2,"data":{"node":{"id":1,"type":0,"childNodes":[{"id":2,"type":2,"tagName":"html","attributes":{},"childNodes":[{"id":4,"type":2,"tagName":"body","attributes":{},"childNodes":[${children}]}]}]},"initialOffset":{"top":0,"left":0}},"timestamp":2}`;
const keyframe = (children: string): string => `[${META},${full(children)}]`;
const element = (
  id: number | string,
  more = `"tagName":"p","attributes":{},"childNodes":[]`,
): string => `{"id":${String(id)},"type":2,${more}}`;
const increment = (data: string): string => `[{"type":3,"data":{${data}},"timestamp":3}]`;
const mutation = (parts: Record<string, string>): string => {
  const all = { texts: "", attributes: "", removes: "", adds: "", ...parts };
  return increment(
    `"source":0,${Object.entries(all)
      .map(([name, items]) => `"${name}":[${items}]`)
      .join(",")}`,
  );
};
const many = (count: number, one: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => one(at)).join(",");
const nested = (depth: number): string =>
  many(depth, () => "")
    .split(",")
    .map(
      (_, at) => `{"id":${String(at + 20)},"type":2,"tagName":"b","attributes":{},"childNodes":[`,
    )
    .join("") + "]}".repeat(depth);

const EVIL = "https://evil.localhost";
const rules = `"@import '${EVIL}/a.css';","p{background:url(${EVIL}/rule.png)}"`;
const adopted = (id: number): string =>
  `"source":15,"id":${String(id)},"styleIds":[1],"styles":[{"styleId":1,"rules":[${rules
    .split(/,(?=")/)
    .map((rule, at) => `{"rule":${rule},"index":${String(at)}}`)
    .join(",")}]}]`;
const STYLE = element(
  30,
  `"tagName":"style","attributes":{"_cssText":"@import '${EVIL}/b.css';p{background:url(${EVIL}/text.png)}"},"childNodes":[]`,
);
const facts = (more: string): string =>
  `{"url":"https://shop.localhost/","title":"x","width":800,"height":600,"visible":true,${more}}`;

const BAD_IDS = [
  "-1",
  "0",
  "1.5",
  "4294967296",
  "null",
  `"10"`,
  `"__proto__"`,
  "[10]",
  "{}",
  "true",
];
const POLLUTED = `"__proto__":{"polluted":1,"harmed":1},"constructor":{"prototype":{"polluted":1}}`;

/** What scripts call on every node, and the viewer's own among them. */
const NODE_NAMES =
  "addEventListener appendChild attributes childNodes children classList cloneNode contains firstChild getAttribute getRootNode insertBefore isConnected lastChild localName nextSibling nodeName nodeType ownerDocument parentElement parentNode querySelector querySelectorAll remove removeAttribute removeChild replaceChild scrollTo setAttribute shadowRoot style tagName textContent".split(
    " ",
  );
/** The same on a document. */
const DOCUMENT_NAMES =
  "activeElement adoptedStyleSheets body close compatMode createElement createElementNS createTextNode defaultView doctype documentElement elementFromPoint fonts forms getElementById getElementsByTagName head hidden implementation importNode location open scrollingElement styleSheets visibilityState write".split(
    " ",
  );
/** Honest changes behind something that is none. */
const CHANGES = [
  mutation({ adds: `{"parentId":4,"nextId":10,"node":${element(95)}}` }),
  mutation({ attributes: `{"id":95,"attributes":{"class":"x"}}` }),
  increment(`"source":3,"id":1,"x":0,"y":9`),
  increment(`"source":1,"positions":[{"x":1,"y":1,"id":95,"timeOffset":0}]`),
  mutation({ removes: `{"parentId":4,"id":95}` }),
];

/** All of them. */
export const MALFORMED: readonly Malformed[] = [
  {
    name: "ids that are none, in a tree",
    keyframe: keyframe(many(BAD_IDS.length, (at) => element(BAD_IDS[at] ?? "0"))),
  },
  ...BAD_IDS.map((id) => ({
    name: `a change of the node ${id}`,
    diffs: [
      mutation({ attributes: `{"id":${id},"attributes":{"class":"x"}}` }),
      mutation({ removes: `{"parentId":4,"id":${id}}` }),
    ],
  })),
  {
    name: "one id for two nodes",
    keyframe: keyframe(`${element(20)},${element(20)},${element(1)}`),
  },
  {
    name: "a prototype as attributes",
    keyframe: keyframe(element(20, `"tagName":"p","attributes":{${POLLUTED}},"childNodes":[]`)),
  },
  {
    name: "a prototype as a node",
    keyframe: keyframe(
      `{"id":20,"type":2,"tagName":"p","attributes":{},"childNodes":[],${POLLUTED}}`,
    ),
  },
  {
    name: "a prototype as an event",
    keyframe: `[${META},{${POLLUTED},"type":2,"data":{${POLLUTED}},"timestamp":1}]`,
  },
  {
    name: "a prototype as a change",
    diffs: [mutation({ attributes: `{"id":10,"attributes":{"style":{${POLLUTED}},${POLLUTED}}}` })],
  },
  {
    name: "names of an object's own as tags",
    keyframe: keyframe(
      ["__proto__", "constructor", "toString", "hasOwnProperty"]
        .map((tag, at) => element(20 + at, `"tagName":"${tag}","attributes":{},"childNodes":[]`))
        .join(","),
    ),
  },
  {
    name: "tags that are none",
    keyframe: keyframe(
      ["", " ", "a b", "<script>", "a>", "\\u0000", "p onload=x"]
        .map((tag, at) => element(20 + at, `"tagName":"${tag}","attributes":{},"childNodes":[]`))
        .join(","),
    ),
  },
  {
    name: "attributes that are none",
    keyframe: keyframe(
      element(
        20,
        `"tagName":"p","attributes":{"":"x"," ":"x","a b":"x","on\\u0000load":"x","<":"x","=":"x"},"childNodes":[]`,
      ),
    ),
  },
  {
    name: "a node that is its own child",
    diffs: [mutation({ adds: `{"parentId":20,"nextId":null,"node":${element(20)}}` })],
  },
  {
    name: "two nodes that are each other's child",
    diffs: [
      mutation({
        adds: `{"parentId":21,"nextId":null,"node":${element(20)}},{"parentId":20,"nextId":null,"node":${element(21)}}`,
      }),
    ],
  },
  {
    name: "a document into its own body",
    diffs: [
      mutation({
        removes: `{"parentId":1,"id":2}`,
        adds: `{"parentId":4,"nextId":null,"node":${element(2)}}`,
      }),
      mutation({ adds: `{"parentId":10,"nextId":10,"node":${element(4)}}` }),
    ],
  },
  {
    name: "everything removed",
    diffs: [
      mutation({ removes: `{"parentId":2,"id":4},{"parentId":1,"id":2},{"parentId":1,"id":1}` }),
    ],
  },
  { name: "a nesting that no parser makes", keyframe: keyframe(nested(1_600)) },
  { name: "very many nodes", keyframe: keyframe(many(20_000, (at) => element(at + 20))) },
  {
    name: "very many changes of one node",
    diffs: Array.from({ length: 20 }, () =>
      mutation({
        attributes: many(1_200, (at) => `{"id":10,"attributes":{"class":"c${String(at)}"}}`),
      }),
    ),
  },
  {
    name: "very many nodes added and removed",
    diffs: Array.from({ length: 20 }, (_, at) =>
      mutation({
        adds: many(
          500,
          (n) => `{"parentId":4,"nextId":null,"node":${element(1_000 * (at + 1) + n)}}`,
        ),
      }),
    ),
  },
  {
    name: "a picture larger than any screen",
    keyframe: `[${META.replace("800", "99999").replace("600", "99999")},${full(element(20))}]`,
    diffs: [increment(`"source":4,"width":100000,"height":100000`)],
  },
  {
    name: "sizes that are none",
    diffs: [
      increment(`"source":4,"width":1e308,"height":-1`),
      increment(`"source":4,"width":"9","height":null`),
    ],
  },
  {
    name: "scrolled beyond all bounds",
    diffs: [
      increment(`"source":3,"id":1,"x":1e308,"y":1e308`),
      increment(`"source":3,"id":4,"x":-1e9,"y":1e9`),
    ],
  },
  {
    name: "sources of other programs",
    diffs: [
      increment(`"source":9,"id":10,"type":0,"commands":[]`),
      increment(`"source":10,"id":10`),
      increment(`"source":99`),
      `[{"type":5,"data":{"tag":"x","payload":{}},"timestamp":1}]`,
      `[{"type":6,"data":{"plugin":"rrweb/console@1","payload":{}},"timestamp":1}]`,
    ],
  },
  {
    name: "a canvas that draws by itself",
    keyframe: keyframe(
      element(
        20,
        `"tagName":"canvas","attributes":{"rr_dataURL":"https://evil.localhost/a.png"},"childNodes":[]`,
      ),
    ),
  },
  {
    name: "a frame's document from elsewhere",
    diffs: [
      increment(
        `"source":0,"texts":[],"attributes":[],"removes":[],"isAttachIframe":true,"adds":[{"parentId":10,"nextId":null,"node":{"id":30,"type":0,"childNodes":[${element(31, `"tagName":"script","attributes":{"src":"https://evil.localhost/s.js"},"childNodes":[]`)}]}}]`,
      ),
    ],
  },
  {
    name: "a shadow tree with what it fetches",
    keyframe: keyframe(
      element(
        20,
        `"tagName":"p","attributes":{},"isShadowHost":true,"childNodes":[{"id":21,"type":2,"isShadow":true,"tagName":"img","attributes":{"src":"${EVIL}/s.png"},"childNodes":[]},{"id":22,"type":2,"isShadow":true,"tagName":"style","attributes":{"_cssText":"@import '${EVIL}/s.css'"},"childNodes":[]}]`,
      ),
    ),
    diffs: [increment(adopted(20))],
  },
  {
    name: "a shadow tree where none may be",
    keyframe: keyframe(
      element(20, `"tagName":"a","attributes":{},"isShadowHost":true,"childNodes":[]`),
    ),
  },
  {
    name: "style sheets that fetch, however they come",
    keyframe: keyframe(`${STYLE},${element(31)}`),
    diffs: [
      increment(adopted(1)),
      increment(
        `"source":8,"id":30,"adds":[{"rule":"p{background:url(${EVIL}/add.png)}","index":0}]`,
      ),
      increment(`"source":8,"id":30,"replaceSync":"@import '${EVIL}/c.css'"`),
      increment(
        `"source":13,"id":30,"index":[0],"set":{"property":"background","value":"url(${EVIL}/set.png)"}`,
      ),
      mutation({
        attributes: `{"id":31,"attributes":{"style":{"background":"url(${EVIL}/changed.png)","cursor":["url(${EVIL}/cursor.png),auto","important"]}}}`,
      }),
    ],
  },
  {
    name: "attributes that become harmful when they are changed",
    keyframe: keyframe(
      [
        `"tagName":"link","attributes":{"rel":"stylesheet","href":"/nowhere.css"},"childNodes":[]`,
        `"tagName":"iframe","attributes":{},"childNodes":[]`,
        `"tagName":"meta","attributes":{"name":"viewport"},"childNodes":[]`,
        `"tagName":"form","attributes":{},"childNodes":[]`,
        `"tagName":"a","attributes":{"href":"/"},"childNodes":[]`,
      ]
        .map((more, at) => element(20 + at, more))
        .join(","),
    ),
    diffs: [
      mutation({
        attributes: [
          `{"id":20,"attributes":{"rel":"preload","as":"image","href":"${EVIL}/preload.png"}}`,
          `{"id":21,"attributes":{"src":"${EVIL}/frame","srcdoc":"<script>top.harmed=1</script>","rr_src":"javascript:top.harmed=1","rr_width":"9px;background:url(${EVIL}/w.png)"}}`,
          `{"id":22,"attributes":{"http-equiv":"refresh","content":"0;url=${EVIL}/refresh"}}`,
          `{"id":23,"attributes":{"action":"javascript:top.harmed=1","onsubmit":"top.harmed=1"}}`,
          `{"id":24,"attributes":{"href":"javascript:top.harmed=1","ping":"${EVIL}/ping","target":"_top"}}`,
        ].join(","),
      }),
    ],
  },
  {
    name: "nodes that are not there, of every source",
    diffs: [
      ...[
        `"source":2,"type":2,"id":999,"x":1,"y":1`,
        `"source":3,"id":999,"x":1,"y":1`,
        `"source":5,"id":999,"text":"x","isChecked":true`,
        `"source":7,"id":999,"type":0`,
        `"source":8,"id":999,"adds":[{"rule":"p{}","index":9}]`,
        `"source":13,"id":999,"index":[7],"set":{"property":"color","value":"red"}`,
        `"source":14,"ranges":[{"start":999,"startOffset":5,"end":10,"endOffset":2147483647}]`,
        `"source":15,"id":999,"styleIds":[77]`,
      ].map(increment),
      mutation({ adds: `{"parentId":999,"nextId":998,"node":${element(40)}}` }),
      mutation({ texts: `{"id":10,"value":"x"}`, removes: `{"parentId":999,"id":10}` }),
    ],
  },
  {
    name: "places that are no numbers",
    diffs: [
      increment(`"source":1,"positions":[{"x":1e999,"y":-1e999,"id":10,"timeOffset":0}]`),
      increment(`"source":3,"id":1,"x":1e999,"y":null`),
      increment(`"source":4,"width":1e999,"height":1e999`),
    ],
  },
  {
    name: "what covers everything, and asks for keys, focus and the whole screen",
    keyframe: keyframe(
      [
        `"tagName":"dialog","attributes":{"open":"","rr_open_mode":"modal","style":"position:fixed;inset:0;z-index:2147483647;cursor:none;width:999vw;height:999vh"},"childNodes":[]`,
        `"tagName":"button","attributes":{"accesskey":"e","autofocus":"","popovertarget":"x","rr_popover":"true","popover":"manual","style":"view-transition-name:root"},"childNodes":[]`,
      ]
        .map((more, at) => element(20 + at, more))
        .join(","),
    ),
  },
  {
    name: "facts that are none, or speak of what only agents do",
    facts: [
      facts(`"url":"javascript:top.harmed=1","title":"<img src=x onerror=top.harmed=1>"`),
      facts(`"width":1e999`),
      facts(`"width":100000,"height":0.0001`),
      facts(
        `"paused":"<script>top.harmed=1</script>","visitor":{"name":"<b onclick=top.harmed=1>"}`,
      ),
      facts(`${POLLUTED},"control":{${POLLUTED},"agent":"__proto__","state":"active"}`),
      facts(
        `"ink":[{"agent":1,"stroke":1,"points":[1e308,1e308,-1e308,9]},{"agent":1,"mark":999}]`,
      ),
      facts(`"ink":[${many(500, (at) => `{"agent":${String(at + 9)},"mark":10}`)}]`),
      facts(`"answers":[{"agent":1,"n":1,"refused":"constructor"}],"proof":"__proto__"`),
    ],
  },
  {
    name: "names that a document looks up before its own",
    keyframe: keyframe(
      [...DOCUMENT_NAMES, ...NODE_NAMES]
        .flatMap((name, at) => [
          element(
            100 + 2 * at,
            `"tagName":"img","attributes":{"name":"${name}","id":"${name}"},"childNodes":[]`,
          ),
          element(101 + 2 * at, `"tagName":"form","attributes":{"name":"${name}"},"childNodes":[]`),
        ])
        .concat(element(10))
        .join(","),
    ),
    diffs: CHANGES,
  },
  {
    name: "fields whose names hide their form's own",
    keyframe: keyframe(
      `${element(
        20,
        `"tagName":"form","attributes":{"id":"f"},"childNodes":[${NODE_NAMES.map((name, at) =>
          element(100 + at, `"tagName":"input","attributes":{"name":"${name}"},"childNodes":[]`),
        ).join(",")}]`,
      )},${element(10)}`,
    ),
    diffs: [
      mutation({ removes: `{"parentId":20,"id":100}` }),
      mutation({ adds: `{"parentId":20,"nextId":101,"node":${element(90)}}` }),
      mutation({ adds: `{"parentId":20,"nextId":null,"node":${element(91)}}` }),
      mutation({ attributes: `{"id":20,"attributes":{"class":"x","style":{"color":"red"}}}` }),
      increment(`"source":3,"id":20,"x":1,"y":1`),
      increment(`"source":2,"type":5,"id":20,"x":1,"y":1`),
      mutation({ removes: `{"parentId":4,"id":20}` }),
      ...CHANGES,
    ],
  },
  {
    name: "halves of characters",
    keyframe: keyframe(
      `${element(
        20,
        `"tagName":"p","attributes":{"class":"\\ud800","title":"\\udc00\\ud800","href":"https://\\ud800.example/","style":"--\\ud800:\\udfff","data-\\ud800":"x"},"childNodes":[{"id":21,"type":3,"textContent":"\\ud83d"}]`,
      )},${element(22, `"tagName":"style","attributes":{"_cssText":"p::before{content:'\\ud800'}"},"childNodes":[]`)}`,
    ),
    diffs: [mutation({ texts: `{"id":21,"value":"\\udc00\\u0000\\ud800"}` })],
    facts: [facts(`"title":"\\ud800","url":"https://shop.localhost/\\udfff"`)],
  },
  {
    name: "an element with very many attributes, one of a megabyte, and a class of as many words",
    keyframe: keyframe(
      [
        many(20_000, (at) => `"a${String(at)}":""`),
        `"title":"${"x".repeat(1_000_000)}"`,
        `"class":"${Array.from({ length: 50_000 }, (_, at) => `c${String(at)}`).join(" ")}"`,
      ]
        .map((all, at) => element(20 + at, `"tagName":"p","attributes":{${all}},"childNodes":[]`))
        .join(","),
    ),
  },
  {
    name: "counts and sizes beyond any page",
    keyframe: keyframe(
      [
        `"tagName":"ol","attributes":{"start":"-2147483648"},"childNodes":[${element(50, `"tagName":"li","attributes":{"value":"2147483647"},"childNodes":[]`)}]`,
        `"tagName":"textarea","attributes":{"rows":"2147483647","cols":"2147483647"},"childNodes":[]`,
        `"tagName":"input","attributes":{"size":"2147483647","maxlength":"-5"},"childNodes":[]`,
        `"tagName":"select","attributes":{"size":"2147483647"},"childNodes":[]`,
        `"tagName":"table","attributes":{"border":"2147483647"},"childNodes":[${element(51, `"tagName":"tr","attributes":{},"childNodes":[${element(52, `"tagName":"td","attributes":{"colspan":"65535","rowspan":"65535","width":"999999999"},"childNodes":[]`)}]`)}]`,
        `"tagName":"svg","isSVG":true,"attributes":{"width":"1e38","height":"1e38","viewBox":"-1e38 -1e38 2e38 2e38"},"childNodes":[]`,
        `"tagName":"p","attributes":{"style":"font-size:1e9px;letter-spacing:1e9px;text-indent:-1e9px;column-count:1000000000"},"childNodes":[]`,
        `"tagName":"p","attributes":{"style":"display:grid;grid-template-columns:repeat(9999999,1px);grid-row:99999999"},"childNodes":[]`,
        `"tagName":"p","attributes":{"style":"position:fixed;z-index:2147483647;transform:scale(1e9) rotate(1e9turn);zoom:1e9;filter:blur(1e9px)"},"childNodes":[]`,
      ]
        .map((more, at) => element(20 + at, more))
        .join(","),
    ),
  },
  {
    name: "nodes into nodes that hold none, after ones that are elsewhere, and into what went",
    diffs: [
      mutation({ adds: `{"parentId":10,"nextId":4,"node":${element(40)}}` }),
      mutation({
        adds: `{"parentId":4,"nextId":null,"node":{"id":41,"type":3,"textContent":"x"}},{"parentId":41,"nextId":null,"node":${element(42)}}`,
      }),
      mutation({
        removes: `{"parentId":4,"id":10},{"parentId":4,"id":10},{"parentId":10,"id":4}`,
        adds: `{"parentId":10,"nextId":null,"node":${element(43)}},{"parentId":43,"nextId":10,"node":${element(44)}}`,
        texts: `{"id":10,"value":"x"},{"id":44,"value":null}`,
      }),
      mutation({ adds: `{"parentId":44,"nextId":null,"node":${element(43)}}` }),
    ],
  },
  {
    name: "a text where a list belongs",
    keyframe: `{"0":1,"length":2}`,
    diffs: [`"x"`, `null`, `[null]`, `[[]]`, `[{"type":3}]`, `{`],
  },
];
