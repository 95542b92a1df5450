import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateProgram } from '@gantry/native';
import { type CallContext, newContext, notFound } from '@gantry/rpc';
import type { Session } from '../../../session/session';
import type { StepContext } from '../../../solver/op';
import { openBuildStore, type Store } from '../../../store';
import { makeLocalSource } from '../local-source';
import { localStateTable, Places } from '../places';
import { RawFileSync } from '../transfer';
import { heldSession } from './held-session';
import { PlainTrees } from './plain-trees';
import { Sender, type SentFile } from './sender';

/** Contents come as messages, or are taken off where the connection is held. */
export type Way = 'messages' | 'held';

/** A local source over trees that are plain folders, and a client that sends what a test names. */
export class LocalRig {
  /** Metadata of the last call to the client. */
  metadata: unknown;

  private constructor(
    readonly base: string,
    readonly trees: PlainTrees,
    private readonly store: Store,
    private places: Places,
    private readonly way: Way,
  ) {}

  static async make(way: Way = 'messages'): Promise<LocalRig> {
    const base = await mkdtemp(join(tmpdir(), 'local-'));
    const store = openBuildStore(':memory:', [localStateTable]);
    const rig = new LocalRig(base, await PlainTrees.make(base), store, placesIn(store, base), way);
    await rig.places.start(() => true);
    return rig;
  }

  /** Everything is written down. */
  settled(): Promise<void> {
    return this.places.settled();
  }

  /** The builder was stopped and has started again. */
  async restart(): Promise<void> {
    await this.settled();
    this.places = placesIn(this.store, this.base);
    await this.places.start(() => true);
  }

  /** Files of lists of trees. */
  async lists(): Promise<readonly string[]> {
    await this.settled();
    return (await readdir(join(this.base, 'lists'))).map((name) => join(this.base, 'lists', name));
  }

  async bring(files: readonly SentFile[], attributes: Record<string, string> = {}): Promise<{ path: string; sender: Sender }> {
    const sender = new Sender(files);
    const program = locateProgram('gantry-native', join(__dirname, '..'));
    const held = this.way === 'held' ? await heldSession(program, (requests) => sender.answer(requests)) : undefined;
    const session = {
      id: 's1',
      name: '',
      sharedKey: 'key',
      serves: () => true,
      transfers: held?.session.transfers,
      client: () => ({
        diffCopy: (ctx: CallContext, requests: AsyncIterable<Buffer>, options: { metadata: Record<string, string[]> }) => {
          this.metadata = options.metadata;
          if (held !== undefined) return held.session.client(RawFileSync).diffCopy(ctx, requests, options);
          const answers = sender.answer(requests);
          return { cancel: () => undefined, [Symbol.asyncIterator]: () => answers };
        },
      }),
    } as unknown as Session;
    const source = makeLocalSource({
      refs: this.trees.refs,
      places: this.places,
      program,
      sessions: { find: (id) => (id === 's1' ? Promise.resolve(session) : Promise.reject(notFound(id))) },
    });
    const step = {
      call: newContext(),
      sessions: { ids: ['s1'], any: (use: (one: Session) => Promise<unknown>) => use(session) },
      progress: { status: () => undefined },
    } as unknown as StepContext;
    const ref = await source
      .open('local://context', { 'local.session': 's1', ...attributes }, undefined)
      .tree(step)
      .finally(() => held?.close());
    return { path: this.trees.path(ref?.id ?? ''), sender };
  }

  async close(): Promise<void> {
    await this.settled();
    this.store.close();
    await rm(this.base, { recursive: true });
  }
}

const placesIn = (store: Store, base: string): Places => new Places(store, join(base, 'lists'), { warn: () => undefined });
