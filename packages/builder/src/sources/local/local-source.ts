import { createHash } from 'node:crypto';
import { failedPrecondition, isErrorOf, notFound } from '@gantry/rpc';
import type { Ref } from '../../refs/ref';
import type { Session, Sessions } from '../../session/session';
import type { StepContext } from '../../solver/op';
import type { Source, SourceInstance } from '../source';
import { type LocalIdentifier, localIdentifier } from './identifier';
import { folderMetadata } from './request';
import { transfer, type TransferTools } from './transfer';

const SCHEME = 'local://';
/** How long a client that just opened its session may take to be here. */
const SESSION_WAIT = 5000;
const DIFF_COPY = '/moby.filesync.v1.FileSync/DiffCopy';
const TELL_EVERY = 100;

/** Folders of clients, by the file sync protocol of their sessions. */
export function makeLocalSource(tools: TransferTools & { readonly sessions: Sessions }): Source {
  return {
    schemes: ['local'],
    open: (identifier, attributes) => new LocalFolder(tools, localIdentifier(identifier.slice(SCHEME.length), attributes)),
    // There is nothing to know of it before it is read; who asked learns what a policy made of the name.
    resolve: (_step, { Source }) => Promise.resolve({ Source, Image: undefined, Git: undefined, HTTP: undefined }),
  };
}

class LocalFolder implements SourceInstance {
  constructor(
    private readonly tools: TransferTools & { readonly sessions: Sessions },
    private readonly wish: LocalIdentifier,
  ) {}

  /** The files are not known before they are here, so the key is good for the sessions of one build; content tells whether later steps have been done. */
  key({ sessions }: StepContext): Promise<{ readonly key: string; readonly pin: string }> {
    const { name, include, exclude, follow, exceptions } = this.wish;
    const session = this.wish.sessionId === '' ? sessions.ids[0] : this.wish.sessionId;
    if (session === undefined) return Promise.reject(failedPrecondition('could not access local files without session'));
    const digest = createHash('sha256')
      .update(JSON.stringify([session, include, exclude, follow, ...(exceptions === undefined ? [] : [exceptions])]))
      .digest('hex');
    return Promise.resolve({ key: `session:${name}:sha256:${digest}`, pin: `sha256:${digest}` });
  }

  async tree(step: StepContext): Promise<Ref> {
    const { sessionId } = this.wish;
    const own =
      sessionId === ''
        ? undefined
        : await this.tools.sessions.find(sessionId, SESSION_WAIT).catch((error: unknown) => {
            if (isErrorOf(error, 'notFound')) return undefined;
            throw error;
          });
    return own === undefined ? step.sessions.any((session) => this.from(session, step)) : this.from(own, step);
  }

  private from(session: Session, step: StepContext): Promise<Ref> {
    if (!session.serves(DIFF_COPY)) return Promise.reject(notFound('no local sources enabled'));
    const { wish, tools } = this;
    const progress = teller(step, `transferring ${wish.name}:`);
    return transfer(tools, step.call, {
      session,
      metadata: folderMetadata(wish),
      everything: wish.everything,
      exceptions: wish.exceptions,
      key: `${wish.name}:${wish.sharedKeyHint}:${session.sharedKey}${wish.exceptions === undefined ? '' : ':metadata'}`,
      name: wish.name,
      received: progress.received,
    }).finally(progress.end);
  }
}

function teller({ progress }: StepContext, id: string): { received(bytes: number): void; end(): void } {
  const started = new Date();
  let current = 0;
  let last = 0;
  progress.status({ id, current, started });
  return {
    received: (bytes) => {
      current += bytes;
      const now = Date.now();
      if (now - last < TELL_EVERY) return;
      last = now;
      progress.status({ id, current, started });
    },
    end: () => progress.status({ id, current, started, completed: new Date() }),
  };
}
