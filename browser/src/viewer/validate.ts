/**
 * Checks every event before it is applied.
 *
 * The visitor's page may be hostile. What is malformed is refused, and with it the epoch; what is well-formed and has no
 * business in a picture of a page (handlers, scripts, addresses of scripts, plugins, documents in attributes) is left
 * out. Only named event types, sources and fields pass. The sandbox and the policy of the viewer's page stand behind it.
 */

import {
  EventType,
  IncrementalSource,
  NodeType,
  type eventWithTime,
  type serializedNodeWithId,
} from "@rrweb/types";

import { isRecord } from "../protocol/payloads.js";
import { attributes, isCustomName, isInRange, mayHost, safeDoctype, safeTag } from "./allowed.js";
import { DEPTH_MAX, NODES_MAX } from "./limits.js";

/** An event that no honest visitor sends. */
export class InvalidEvent extends Error {}

/** A keyframe: one `Meta`, one `FullSnapshot`, and between them the resources that it names. */
export function validateKeyframe(value: unknown): eventWithTime[] {
  const events = new Validator().events(value);
  const [meta, full, ...rest] = events.filter(({ type }) => type !== EventType.Custom);
  if (meta?.type !== EventType.Meta || full?.type !== EventType.FullSnapshot || rest.length > 0) {
    throw new InvalidEvent("a keyframe is one Meta and one FullSnapshot");
  }
  return events;
}

/** A diff: incremental events and resources only. `tagOf` tells the tag of an element that stands already, or `""`. */
export function validateDiff(value: unknown, tagOf: (id: number) => string): eventWithTime[] {
  const events = new Validator(tagOf).events(value);
  for (const event of events) {
    if (event.type !== EventType.IncrementalSnapshot && event.type !== EventType.Custom) {
      throw new InvalidEvent("a diff holds only increments");
    }
  }
  return events;
}

/** An ephemeral event: a pointer's position, or `null` for what it is not. */
export function validatePointer(value: unknown): { x: number; y: number; id: number } | null {
  try {
    const [event] = new Validator().events([value]);
    if (event?.type !== EventType.IncrementalSnapshot || event.data.source !== IncrementalSource.MouseMove)
      return null;
    const last = event.data.positions.at(-1);
    return last ? { x: last.x, y: last.y, id: last.id } : null;
  } catch {
    return null;
  }
}

class Validator {
  private nodes = 0;
  private readonly added = new Map<number, string>();

  constructor(private readonly tagOf: (id: number) => string = () => "") {}

  events(value: unknown): eventWithTime[] {
    return array(value).map((event) => this.event(record(event)));
  }

  private event(event: Fields): eventWithTime {
    const timestamp = number(event.timestamp);
    const data = record(event.data);
    switch (event.type) {
      case EventType.Meta:
        return {
          type: EventType.Meta,
          data: { href: text(data.href), width: pixels(data.width), height: pixels(data.height) },
          timestamp,
        };
      case EventType.FullSnapshot: {
        const offset = record(data.initialOffset);
        const node = this.node(data.node, 0);
        if (node.type !== NodeType.Document) throw new InvalidEvent("a snapshot begins with a document");
        return {
          type: EventType.FullSnapshot,
          data: { node, initialOffset: { top: number(offset.top), left: number(offset.left) } },
          timestamp,
        };
      }
      case EventType.IncrementalSnapshot:
        return {
          type: EventType.IncrementalSnapshot,
          data: this.increment(data),
          timestamp,
        } as eventWithTime;
      case EventType.Custom: {
        const { hash, data: content } = record(data.payload);
        if (data.tag !== "resource" || !HASH.test(text(hash)) || !RESOURCE.test(text(content))) {
          throw new InvalidEvent("a resource that is none");
        }
        return {
          type: EventType.Custom,
          data: { tag: "resource", payload: { hash, data: content } },
          timestamp,
        };
      }
      default:
        throw new InvalidEvent(`event type ${String(event.type)}`);
    }
  }

  private increment(data: Fields): Fields {
    const source = data.source;
    switch (source) {
      case IncrementalSource.Mutation:
        return this.mutation(data);
      case IncrementalSource.MouseMove:
      case IncrementalSource.TouchMove:
      case IncrementalSource.Drag:
        return {
          source,
          positions: array(data.positions)
            .map(record)
            .map(({ x, y, id }) => ({ x: number(x), y: number(y), id: anyId(id), timeOffset: 0 })),
        };
      case IncrementalSource.MouseInteraction:
        return {
          source,
          type: integer(data.type, 0, 10),
          id: anyId(data.id),
          ...(data.x === undefined ? {} : { x: number(data.x), y: number(data.y) }),
        };
      case IncrementalSource.Scroll:
        return { source, id: anyId(data.id), x: number(data.x), y: number(data.y) };
      case IncrementalSource.ViewportResize:
        return { source, width: pixels(data.width), height: pixels(data.height) };
      case IncrementalSource.Input:
        return { source, id: anyId(data.id), text: text(data.text), isChecked: data.isChecked === true };
      case IncrementalSource.MediaInteraction: {
        const numbers = ["currentTime", "volume", "playbackRate"].filter((name) =>
          isInRange(`rr_media${name}`, data[name]),
        );
        return {
          source,
          type: integer(data.type, 0, 4),
          id: anyId(data.id),
          ...Object.fromEntries(numbers.map((name) => [name, data[name]])),
          // A film of the visitor's page does not speak in the agent's ear.
          muted: true,
          loop: data.loop === true,
        };
      }
      case IncrementalSource.StyleSheetRule:
        return {
          source,
          ...owner(data),
          ...list("adds", data.adds, (rule) => ({
            rule: text(rule.rule),
            ...(rule.index === undefined ? {} : { index: ruleIndex(rule.index) }),
          })),
          ...list("removes", data.removes, (rule) => ({ index: ruleIndex(rule.index) })),
          ...(data.replace === undefined ? {} : { replace: text(data.replace) }),
          ...(data.replaceSync === undefined ? {} : { replaceSync: text(data.replaceSync) }),
        };
      case IncrementalSource.StyleDeclaration:
        return {
          source,
          ...owner(data),
          index: array(data.index).map((at) => integer(at, 0, COUNT_MAX)),
          ...(data.set === undefined ? {} : { set: declaration(record(data.set), true) }),
          ...(data.remove === undefined ? {} : { remove: declaration(record(data.remove), false) }),
        };
      case IncrementalSource.AdoptedStyleSheet:
        return {
          source,
          id: nodeId(data.id),
          styleIds: array(data.styleIds).map((id) => integer(id, 0, COUNT_MAX)),
          ...list("styles", data.styles, (style) => ({
            styleId: integer(style.styleId, 0, COUNT_MAX),
            ...(style.media === undefined ? {} : { media: text(style.media) }),
            rules: array(style.rules)
              .map(record)
              .map(({ rule, index }) => ({
                rule: text(rule),
                ...(index === undefined ? {} : { index: ruleIndex(index) }),
              })),
          })),
        };
      case IncrementalSource.Selection:
        return {
          source,
          ranges: array(data.ranges)
            .map(record)
            .map(({ start, startOffset, end, endOffset }) => ({
              start: anyId(start),
              startOffset: integer(startOffset, 0, COUNT_MAX),
              end: anyId(end),
              endOffset: integer(endOffset, 0, COUNT_MAX),
            })),
        };
      default:
        throw new InvalidEvent(`source ${String(source)}`);
    }
  }

  private mutation(data: Fields): Fields {
    // First what is added: its attributes may change in the same event.
    const adds = array(data.adds)
      .map(record)
      .map(({ parentId, nextId, node }) => ({
        parentId: nodeId(parentId),
        nextId: nextId === null || nextId === undefined ? null : nodeId(nextId),
        node: this.node(node, 0),
      }));
    const changes = array(data.attributes).map(record);
    return {
      source: IncrementalSource.Mutation,
      texts: array(data.texts)
        .map(record)
        .map(({ id, value }) => ({ id: nodeId(id), value: textOrNull(value) })),
      attributes: changes.map((change) => {
        const id = nodeId(change.id);
        return {
          id,
          attributes: attributes(this.added.get(id) ?? this.tagOf(id), record(change.attributes)),
        };
      }),
      removes: array(data.removes)
        .map(record)
        .map(({ parentId, id, isShadow }) => ({
          parentId: nodeId(parentId),
          id: nodeId(id),
          ...(isShadow === true ? { isShadow } : {}),
        })),
      adds,
      ...(data.isAttachIframe === true ? { isAttachIframe: true } : {}),
    };
  }

  private node(value: unknown, depth: number): serializedNodeWithId {
    const node = record(value);
    this.nodes += 1;
    if (this.nodes > NODES_MAX || depth > DEPTH_MAX) throw new InvalidEvent("the tree is too large");
    const common = {
      id: nodeId(node.id),
      ...(node.rootId === undefined ? {} : { rootId: nodeId(node.rootId) }),
      ...(node.isShadow === true ? { isShadow: true } : {}),
    };
    switch (node.type) {
      case NodeType.Document:
        return {
          ...common,
          type: NodeType.Document,
          childNodes: this.children(node.childNodes, depth),
          ...(node.compatMode === "BackCompat" ? { compatMode: "BackCompat" } : {}),
        };
      case NodeType.DocumentType:
        return {
          ...common,
          type: NodeType.DocumentType,
          name: safeDoctype(text(node.name)),
          publicId: text(node.publicId),
          systemId: text(node.systemId),
        };
      case NodeType.Element: {
        const asked = text(node.tagName);
        const { tagName, isBarred } = safeTag(asked);
        this.added.set(common.id, tagName);
        if (node.isShadowHost === true && !mayHost(tagName)) {
          throw new InvalidEvent(`a shadow tree in ${tagName}`);
        }
        return {
          ...common,
          type: NodeType.Element,
          tagName,
          attributes: (isBarred
            ? { hidden: "" }
            : // A drawing may use names of pages' elements: it plays, loads and frames nothing by them.
              attributes(node.isSVG === true ? "svg" : tagName, record(node.attributes))) as Record<
            string,
            string
          >,
          childNodes:
            isBarred && asked.toLowerCase() === "script" ? [] : this.children(node.childNodes, depth),
          ...(node.isSVG === true && !isBarred ? { isSVG: true as const } : {}),
          ...(node.isShadowHost === true ? { isShadowHost: true } : {}),
          ...(node.isCustom === true && isCustomName(tagName) ? { isCustom: true as const } : {}),
        };
      }
      case NodeType.Text:
        return {
          ...common,
          type: NodeType.Text,
          textContent: text(node.textContent),
          ...(node.isStyle === true ? { isStyle: true as const } : {}),
        };
      case NodeType.Comment:
        return { ...common, type: NodeType.Comment, textContent: "" };
      default:
        throw new InvalidEvent(`node type ${String(node.type)}`);
    }
  }

  private children(value: unknown, depth: number): serializedNodeWithId[] {
    return array(value).map((child) => this.node(child, depth + 1));
  }
}

type Fields = Record<string, unknown>;

function owner(data: Fields): Fields {
  return {
    ...(data.id === undefined || data.id === null ? {} : { id: anyId(data.id) }),
    ...(data.styleId === undefined || data.styleId === null
      ? {}
      : { styleId: integer(data.styleId, 0, COUNT_MAX) }),
  };
}

function declaration(given: Fields, hasValue: boolean): Fields {
  const property = text(given.property);
  if (!hasValue) return { property };
  const priority = given.priority === "important" ? { priority: "important" } : {};
  return { property, value: textOrNull(given.value), ...priority };
}

function list(name: string, value: unknown, read: (item: Fields) => Fields): Fields {
  return value === undefined || value === null ? {} : { [name]: array(value).map(record).map(read) };
}

function ruleIndex(value: unknown): number | number[] {
  return Array.isArray(value) ? value.map((at) => integer(at, 0, COUNT_MAX)) : integer(value, 0, COUNT_MAX);
}

function record(value: unknown): Fields {
  if (!isRecord(value)) throw new InvalidEvent("an object is missing");
  return value;
}

function array(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new InvalidEvent("a list is missing");
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new InvalidEvent("a text is missing");
  return value;
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : text(value);
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new InvalidEvent("a number is missing");
  return value;
}

function pixels(value: unknown): number {
  return integer(Math.round(number(value)), 0, 100_000);
}

function integer(value: unknown, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new InvalidEvent("an integer is missing");
  }
  return value as number;
}

/** Id of a node that is in the tree. */
function nodeId(value: unknown): number {
  return integer(value, 1, COUNT_MAX);
}

/** Id of a node, or -1 and -2, with which rrweb says that it does not know it. */
function anyId(value: unknown): number {
  return integer(value, -2, COUNT_MAX);
}

const COUNT_MAX = 0x7fffffff;

const HASH = /^[0-9a-f]{64}$/;

/** Pictures and fonts, written so that nothing in them could end an address. */
const RESOURCE =
  /^data:(?:image\/(?:png|jpeg|gif|webp|avif|svg\+xml)|font\/(?:woff2?|ttf|otf));base64,[A-Za-z0-9+/=]+$/;
