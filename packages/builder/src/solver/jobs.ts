import type { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import type { Policy } from '@gantry/api/moby/buildkit/v1/sourcepolicy/policy';
import type { CallContext } from '@gantry/rpc';
import type { FrontendBridge } from '../frontend/frontend';
import type { StepProgress } from '../progress/progress';
import type { SessionGroup } from '../session/session';

/** What a client's Solve says of its build before anything is solved. */
export interface JobWish {
  /** The client's name for the build (SolveRequest.Ref), under which it asks for Status. */
  readonly id: string;
  /** Session of the client that asks; steps that others wait for, too, have theirs beside it. */
  readonly sessionId: string;
  /** Allowed for this build (`network.host`, `security.insecure`, `device…`): checked by Control, held to by the ops. */
  readonly entitlements: ReadonlySet<string>;
  readonly sourcePolicy: Policy | undefined;
}

/** One build of one client: it holds what it solved until it is closed. */
export interface Job {
  readonly id: string;
  readonly sessions: SessionGroup;
  /** What frontends ask of the builder, ours and a client's; a definition alone is solved with `frontend: ''`. */
  readonly bridge: FrontendBridge;
  /** A step beside the graph that the client sees (`exporting to image`): told as started, then as done or failed. */
  step<T>(ctx: CallContext, name: string, run: (progress: StepProgress) => Promise<T>): Promise<T>;
  /** Nothing more is told: watchers get what is left, and their streams end. Close does it, too. */
  endProgress(): void;
  /** Lets go of everything; work that nobody else waits for is cancelled. */
  close(): Promise<void>;
}

/** All builds that run, on one graph of steps. */
export interface Jobs {
  /** Throws alreadyExists when a job of this id runs. */
  open(ctx: CallContext, wish: JobWish): Job;
  /**
   * All that a build tells, from its beginning to its end; waits a while (6 s) for one that is just being opened. Rejects with notFound after that. `prompt`:
   * each event as it comes, for who waits for it, and not with those that come soon after.
   */
  status(ctx: CallContext, id: string, how?: { readonly prompt?: boolean }): AsyncIterable<StatusResponse>;
}
