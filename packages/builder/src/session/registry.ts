import type { Duplex } from 'node:stream';
import { after, alreadyExists, type Logger, notFound } from '@gantry/rpc';
import { openStreamSession, type SessionAbout } from './open';
import type { Session, Sessions } from './session';

/** How long a session that is just being opened is waited for unless its asker says otherwise, milliseconds. */
const WAIT_MS = 5000;

/** The sessions of this service, by their ids. */
export class SessionRegistry implements Sessions {
  private readonly sessions = new Map<string, Session & { close?(): void }>();
  private readonly waiting = new Map<string, Set<(session: Session) => void>>();

  /** program: path of gantry-native, which holds connections of clients that serve files. */
  constructor(
    private readonly logger: Logger,
    private readonly program?: string,
  ) {}

  async find(id: string, waitMs = WAIT_MS): Promise<Session> {
    // what stands before a colon only tells steps with different contexts apart
    const name = id.slice(id.indexOf(':') + 1) || id;
    const here = this.sessions.get(name);
    if (here !== undefined) return here;
    const waiters = this.waiting.get(name) ?? new Set();
    this.waiting.set(name, waiters);
    const came = Promise.withResolvers<Session | undefined>();
    waiters.add(came.resolve);
    const timer = after(waitMs, () => came.resolve(undefined), { ref: false });
    try {
      const session = await came.promise;
      if (session === undefined) throw notFound(`no active session for ${name}: context deadline exceeded`);
      return session;
    } finally {
      timer.cancel();
      waiters.delete(came.resolve);
      if (waiters.size === 0 && this.waiting.get(name) === waiters) this.waiting.delete(name);
    }
  }

  /** Throws alreadyExists where a session of this id is open: to be asked before its stream is taken over. */
  check(id: string): void {
    if (this.sessions.has(id)) throw alreadyExists(`session ${id} already exists`);
  }

  /** Takes a client's stream; resolves when the session is over. */
  async serve(stream: Duplex, about: SessionAbout): Promise<void> {
    this.check(about.id);
    const session = openStreamSession(stream, about, this.logger, this.program);
    this.sessions.set(about.id, session);
    for (const tell of this.waiting.get(about.id) ?? []) tell(session);
    try {
      await session.closed;
    } finally {
      this.sessions.delete(about.id);
    }
  }

  /** Takes a session that is in this process. The returned function takes it away. */
  hold(session: Session): () => void {
    this.check(session.id);
    this.sessions.set(session.id, session);
    return () => void this.sessions.delete(session.id);
  }

  close(): void {
    for (const session of this.sessions.values()) session.close?.();
  }
}
