import type { Outcome } from '../../frontend';

/** Whoever is told of a classic build, in its order. */
export interface ClassicTeller {
  /** What is told afterwards waits for a text that is still to come; one that fails is left out. */
  text(text: string | Promise<string>): Promise<void>;
  /** Throws what the container of a command is refused for. Asked when one is to run, before anything is told of its container. */
  allow(): void;
  /** Runs a step and tells what comes of it. `shown` steps have a container that is told of; resolves with whether it was found in the cache. */
  step(wish: StepWish): Promise<{ readonly cached: boolean }>;
  /** What a stage came to that another one follows. */
  image(id: string): Promise<void>;
}

/** A step as a container. */
export interface StepContainer {
  /** Id of the image that it stands on; empty for none. */
  readonly image: Promise<string>;
  /** The image's configuration with the step's change, as JSON. */
  readonly config: Buffer;
  readonly command: readonly string[];
  /** Its environment, where that is not the configuration's. */
  readonly env: readonly string[] | undefined;
  /** What its command came to; undefined where none ran to its end. */
  readonly outcome: Outcome | undefined;
}

export interface StepWish {
  /** The vertex behind the step; undefined where it only changes the configuration. */
  readonly vertex: string | undefined;
  readonly shown: boolean;
  /** An image of the step is known: what its vertex tells of earlier work, begun for a build that was cut off just now or goes on beside this one, is not this step's. */
  readonly expected: boolean;
  /** What docker would say of a container of the step. */
  readonly warnings: readonly string[];
  /** What a container that is kept is made of; asked only where one is. */
  readonly container: () => StepContainer;
  readonly run: () => Promise<void>;
  /** Whether what was made before counts, asked behind the work. */
  readonly known: () => Promise<boolean>;
}

/** Where the frontend finds the one who is told, by the name in its options. */
export type ClassicTellers = ReadonlyMap<string, ClassicTeller>;

/** The frontend's name. */
export const CLASSIC = 'classic.v0';

/** The option that has the name. */
export const TELLER = 'classic-teller';
