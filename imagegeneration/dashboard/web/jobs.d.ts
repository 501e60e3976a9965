// What the server sends about jobs: a card each, and the record of the open one.

import type { Answer, Row, Status, Tone } from "./types.d.ts";

export interface Tile {
  state: string;
  word: string;
  thumb: string | null;
  partial?: string | null;
  url: string | null;
  size?: string | null;
}

export interface Card extends Status {
  id: string;
  title: string;
  owner: string | null;
  prompt: string;
  made_as: string;
  over: boolean;
  made: string;
  cost: string;
  place: string | null;
  percent: number | null;
  error: string | null;
  created: number;
  since: number;
  until: number | null;
  about: string | null;
  share: number;
  ratio: number;
  images: Tile[];
  urls: string[];
  retry: boolean;
  cancel: boolean;
}

export interface JobFact {
  label: string;
  value: string | number;
  kind: "plain" | "code" | "text" | "time" | "bad" | "image";
  thumb?: string;
}

export interface Facts {
  title: string;
  rows: JobFact[];
}

export interface ImageDetails extends Tile, Facts {
  tone: Tone;
  file: string | null;
  edit: string | null;
  attempts: Facts[];
}

/** The price of a retry. */
export interface Offer {
  label: string;
  accept: number;
  warning: string | null;
  agree: string;
}

/** The price of the same job once more; `accept` is null if it cannot be run again. */
export interface Again {
  text: string;
  label: string;
  accept: number | null;
}

/** A job with everything known about it. */
export interface JobRecord extends Card {
  sections: Facts[];
  details: ImageDetails[];
  offer: Offer | null;
  again: Again | null;
  choices: Row[];
}

export interface GalleryData {
  mode: "grid" | "single";
  page: string;
  notice: { title: string; text: string } | null;
  empty: { title: string; text: string } | null;
  cards: Card[];
  in_address: boolean;
  fresh: string | null;
  open: string | null;
  record: JobRecord | null;
  said: Answer | null;
  heard: number;
}

/** What the cards and the dialog with its parts ask of the gallery. */
export interface GalleryView {
  open(card: Card, index: number, purpose?: Purpose): void;
  closed(id: string): void;
  act(act: object): void;
  /** Return the job before (-1) or after (1) the one with this id, as the page shows them. */
  beside(id: string | null, by: number): Card | undefined;
}

export type Purpose = "retry" | "cancel" | "again";
