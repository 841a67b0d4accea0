/** What the demo is to show, in the order of its own load curve. */
export const CHAPTERS = ["onboarded", "home", "burst", "in", "silent", "back"] as const;

export type Chapter = (typeof CHAPTERS)[number];

/** Something that happened, for people. */
export interface Line {
  /** `done` as it should be · `warning` to be looked at · `failed` it should not be so */
  readonly mark: "done" | "warning" | "failed";
  readonly text: string;
  /** Whom or what it is about, in a word; may stand apart. */
  readonly aside?: string;
  /** Which part of the story it tells; undefined for what is told besides. */
  readonly chapter?: Chapter;
}
