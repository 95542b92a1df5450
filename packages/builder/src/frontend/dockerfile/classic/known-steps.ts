import type { Store, Tables } from '../../../store';

/** Steps that were done before, by what they came to: when, and the image that was made of it. */
export const classicTables: Tables = `
  CREATE TABLE classic_steps (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, created TEXT NOT NULL, image TEXT NOT NULL, UNIQUE (id, image)
  ) STRICT;
`;

export interface KnownStep {
  /** When it was done first, as RFC 3339 has it. */
  readonly created: string;
  /** Id of its image. */
  readonly image: string;
}

export interface KnownSteps {
  /** The last of its images first: one may be gone where an earlier one is still there. */
  find(id: string): readonly KnownStep[];
  put(id: string, step: KnownStep): void;
}

/** The last step of a build, whose image whoever stores it makes: under these names it is known then. */
export interface LastStep {
  readonly ids: readonly string[];
  readonly created: string;
}

/** So many are remembered; the oldest are forgotten first. */
const LIMIT = 20_000;
/** So many images of one step are looked for. */
const MOST = 8;

export class StoredSteps implements KnownSteps {
  constructor(private readonly store: Store) {}

  find(id: string): readonly KnownStep[] {
    return this.store.all<{ created: string; image: string }>(
      'SELECT created, image FROM classic_steps WHERE id = ? ORDER BY number DESC LIMIT ?',
      id,
      MOST,
    );
  }

  put(id: string, { created, image }: KnownStep): void {
    const [known] = this.find(id);
    if (known?.created === created && known.image === image) return;
    this.store.transaction(
      () => {
        const last = this.store.insert('INSERT OR REPLACE INTO classic_steps (id, created, image) VALUES (?, ?, ?)', id, created, image);
        this.store.run('DELETE FROM classic_steps WHERE number <= ?', last - LIMIT);
      },
      { durable: false },
    );
  }
}
