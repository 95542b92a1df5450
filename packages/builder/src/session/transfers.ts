import type { GantryError } from '@gantry/rpc';

/** What is told of a transfer. */
export interface TransferEvents {
  /** The content of a file is there, whole. */
  readonly digest: (file: number, digest: Buffer) => void;
  /** So many bytes of content came. */
  readonly came: (bytes: number) => void;
  /** All records were done, and the tree is closed. */
  readonly done: () => void;
  /** Nothing more is done. */
  readonly failed: (error: GantryError) => void;
}

/** The tree of a transfer, behind the program that holds the client's connection. */
export interface Transfer {
  readonly number: number;
  /** Records (packages/native/layers/receive.h). Resolves when the program is sure to see them before what the client sends from now on. */
  write(records: Buffer): Promise<void>;
  /** Resolves when nothing is done to the tree any more. */
  leave(): Promise<void>;
}

/** What a client told that was the same as the last time, and that did not come here. */
export interface ToldAgain {
  readonly count: number;
  /** Bytes of the list that it was compared with. */
  readonly listed: number;
  /** Bytes of the messages. */
  readonly came: number;
}

/** Transfers of files whose contents go from the client's frames into their trees, and never come here (ADR 0335). */
export interface Transfers {
  /** stream: the call's number (ResponseStream's `streamId`); contents of it are taken off from its next message on. */
  begin(stream: number, root: string, events: TransferEvents): Transfer;
  /**
   * Leaves out the messages of a call that tell what a list says (sources/local/listing.ts), from the first one on and in its order. To be asked in the turn in which the call is
   * made. Resolves before the first message that comes here is taken, or never, where none comes.
   */
  toldAgain(stream: number, list: string): Promise<ToldAgain>;
}
