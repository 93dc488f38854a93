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
    name: "a text where a list belongs",
    keyframe: `{"0":1,"length":2}`,
    diffs: [`"x"`, `null`, `[null]`, `[[]]`, `[{"type":3}]`, `{`],
  },
];
