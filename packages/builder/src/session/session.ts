import type { ServiceDefinition } from '@grpc/grpc-js';
import type { ServiceClient } from '@gantry/rpc';
import type { Transfers } from './transfers';

/** A client that offers services for the time of its builds: files, credentials, secrets, an ssh agent, a place for the output. */
export interface Session {
  readonly id: string;
  readonly name: string;
  readonly sharedKey: string;
  /** Whether the client said that it serves a method, e.g. `/moby.filesync.v1.FileSync/DiffCopy`. */
  serves(method: string): boolean;
  client<D extends ServiceDefinition>(definition: D): ServiceClient<D>;
  /** Where its connection is held by a program that writes contents itself. */
  readonly transfers?: Transfers | undefined;
  /** Settles when the client is gone. Never rejects. */
  readonly closed: Promise<void>;
}

/** All sessions of this service. */
export interface Sessions {
  /** The session of this id; waits up to `waitMs` for one that is just being opened. Rejects with notFound after that. */
  find(id: string, waitMs?: number): Promise<Session>;
}

/** The sessions of those who wait for one step; clients may join and leave while it runs. */
export interface SessionGroup {
  readonly ids: readonly string[];
  /** Calls `use` with one session after the other until one can do it; rejects with the last failure, or with failedPrecondition `no active sessions`. */
  any<T>(use: (session: Session) => Promise<T>): Promise<T>;
}
