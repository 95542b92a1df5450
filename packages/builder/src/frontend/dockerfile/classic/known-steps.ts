import type { Store, Tables } from '../../../store';

/** Steps that were done before, by what they came to: when, and the image that was made of it. */
export const classicTables: Tables = `
  CREATE TABLE classic_steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, created TEXT NOT NULL, image TEXT NOT NULL, UNIQUE (id, image)
  ) STRICT;
`;

/** A change of them: steps know their tree, found by their image. Of those from before it is not known. */
export const classicTrees = `
  ALTER TABLE classic_steps ADD COLUMN tree TEXT NOT NULL DEFAULT '';
  CREATE INDEX classic_images ON classic_steps (image);
`;

export interface KnownStep {
  /** When it was done first, as RFC 3339 has it. */
  readonly created: string;
  /** Id of its image. */
  readonly image: string;
  /** Id of its tree; empty for scratch, and where it is not known. */
  readonly tree: string;
}

export interface KnownSteps {
  /** The newest of its images first: one may be gone where an earlier one is still there. `among`: these images alone. */
  find(id: string, among?: readonly string[]): readonly KnownStep[];
  /** Ids of the trees of images, in their order. */
  trees(images: readonly string[]): readonly string[];
  put(id: string, step: KnownStep): void;
}

/** The last step of a build, whose image whoever stores it makes: under these names it is known then. */
export interface LastStep {
  readonly ids: readonly string[];
  readonly created: string;
  readonly tree: string;
}

/** So many are remembered; the oldest are forgotten first. */
const LIMIT = 20_000;
/** So many images of one step are looked for. */
const MOST = 8;

export class StoredSteps implements KnownSteps {
  constructor(private readonly store: Store) {}

  find(id: string, among?: readonly string[]): readonly KnownStep[] {
    const only = among === undefined ? '' : 'AND image IN (SELECT value FROM json_each(?))';
    return this.store.all<{ created: string; image: string; tree: string }>(
      `SELECT created, image, tree FROM classic_steps WHERE id = ? ${only} ORDER BY created DESC, number DESC LIMIT ?`,
      id,
      ...(among === undefined ? [] : [JSON.stringify(among)]),
      MOST,
    );
  }

  trees(images: readonly string[]): readonly string[] {
    const rows = this.store.all<{ tree: string }>(
      "SELECT DISTINCT tree FROM json_each(?) JOIN classic_steps ON image = value WHERE tree <> '' ORDER BY key",
      JSON.stringify(images),
    );
    return rows.map(({ tree }) => tree);
  }

  put(id: string, { created, image, tree }: KnownStep): void {
    const [known] = this.find(id);
    if (known?.created === created && known.image === image) return;
    this.store.transaction(
      () => {
        const last = this.store.insert(
          'INSERT OR REPLACE INTO classic_steps (id, created, image, tree) VALUES (?, ?, ?, ?)',
          id,
          created,
          image,
          tree,
        );
        this.store.run('DELETE FROM classic_steps WHERE number <= ?', last - LIMIT);
      },
      { durable: false },
    );
  }
}
