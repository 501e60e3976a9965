// What the server sends to the components, and what they share in a window.

/** What Streamlit hands to a component each time the server draws it. */
export interface Mounted<Data> {
  data: Data;
  parentElement: Parent;
  setStateValue: Send;
}

export type Parent = HTMLElement | ShadowRoot;
export type Send = (name: string, value: unknown) => void;

export type TagOf<Description extends string> = Description extends `${infer Tag}.${string}` ? Tag : Description;
export type ElementOf<Description extends string> =
  TagOf<Description> extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[TagOf<Description>] : HTMLElement;
export type Child = Node | string | null | undefined;
export type Properties = Record<string, string | number | boolean | null | undefined>;

export type Tone = "neutral" | "active" | "good" | "bad" | "off";

export interface Status {
  status: string;
  tone: Tone;
}

/** The result of what a user did. */
export interface Answer {
  number: number;
  key: string;
  tone: Tone;
  title: string;
  text: string;
}

// Sections

export interface Time {
  at: number;
  how: "ago" | "for" | "until";
}

export type Line = (string | Time)[];

export interface Ask {
  text: string;
  confirm: string;
  reason: string | null;
  warning: string | null;
  agree: string | null;
  fields: Input[];
  danger: boolean;
}

export interface Input {
  name: string;
  label: string;
  value: string;
  hint?: string;
  required?: boolean;
}

export interface Action {
  key: string;
  label: string;
  order: Record<string, unknown>;
  ask: Ask | null;
  opens: boolean;
}

export interface Order {
  key: string;
  order: Record<string, unknown>;
}

export interface Fact {
  label: string;
  value: Line;
  tone: Tone;
  note: string;
}

export interface Details {
  facts: Fact[];
  changes: { label: string; before: string; after: string }[];
}

export interface Row {
  key: string;
  title: string;
  pill: [string, Tone] | null;
  aside: string;
  lines: Line[];
  facts: Fact[];
  bar: [number, number] | null;
  links: { label: string; href: string }[];
  jump: string | null;
  actions: Action[];
  details: Details | null;
}

export interface Section {
  name: string;
  title: string;
  rows: Row[];
  about: string;
  empty: string;
  more: Action | null;
}

export interface SectionsData {
  at: number;
  notice: string | null;
  sections: Section[];
  answer: Answer | null;
  heard: number;
}

// Generate

export interface EditorData {
  label: string;
  limit: number;
  rows: number;
  placeholder: string;
  name: string;
  text: string;
  revision: number;
  session: string;
  heard: number;
  problem: string;
  locked: boolean;
  stored: boolean;
}

export interface OnwardButton {
  key: string;
  label: string;
  working: string;
  blocked: string;
  spends: boolean;
  saves: boolean;
}

export interface OnwardData {
  each: string;
  made_as: string;
  left: string;
  short: string;
  total: string;
  terms: string;
  field: string;
  prompt?: string | null;
  count: number;
  go: OnwardButton;
  others: OnwardButton[];
  busy: boolean;
  status: string;
  heard: number;
}

export interface ModelOffer {
  key: string;
  title: string;
  about: string;
  tags: string[];
  off: boolean;
  checked: boolean;
  price: string | null;
  estimate: boolean;
  time: string;
  quality: string;
}

export type Piece = ["same" | "added" | "removed", string];

// What components share on the window, because each is a module of its own.

export interface FieldState {
  text: string;
  unsaved: boolean;
  touched: boolean;
}

export interface Shown {
  page: string;
  known: Map<string, string>;
}

export type Theme = "system" | "light" | "dark";

declare global {
  var studioTheme: { readonly chosen: Theme; choose(theme: Theme): void };
  var studioFields: Map<string, FieldState>;
  var studioShown: Map<string, Shown>;
  var studioClosed: { id: string; at: number } | undefined;
}
