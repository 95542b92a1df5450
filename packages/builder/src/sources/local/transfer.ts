import type { ServiceDefinition } from '@grpc/grpc-js';
import { withWritableMounts } from '@gantry/linux';
import type { CallContext } from '@gantry/rpc';
import type { Ref, Refs, WorkingTree } from '../../refs/ref';
import type { Session } from '../../session/session';
import { FarTree } from './far-tree';
import { ListingReader } from './listing';
import { NextList } from './next-list';
import { Outbox } from './outbox';
import type { Place, Places } from './places';
import { Reception } from './reception';
import { Thinning } from './thinning';
import { ToldList } from './told-list';
import type { Hooks } from './tree';
import { TreeWriter } from './tree-writer';

/** FileSync with its messages as bytes: most of them are compared or passed on as they are. */
const bytes = { requestSerialize: (message: Buffer) => message, requestDeserialize: (message: Buffer) => message } as const;
export const RawFileSync = {
  diffCopy: {
    path: '/moby.filesync.v1.FileSync/DiffCopy',
    requestStream: true,
    responseStream: true,
    ...bytes,
    responseSerialize: bytes.requestSerialize,
    responseDeserialize: bytes.requestDeserialize,
  },
} as const satisfies ServiceDefinition;

export interface TransferTools {
  readonly refs: Refs;
  readonly places: Places;
  /** Path of gantry-native. */
  readonly program: string;
}

export interface TransferWish {
  readonly session: Session;
  readonly metadata: Readonly<Record<string, readonly string[]>>;
  readonly everything: boolean;
  /** Paths whose contents are wanted, where of the others only the stats are; undefined: all contents. */
  readonly exceptions: readonly string[] | undefined;
  readonly key: string;
  readonly name: string;
  readonly received: (bytes: number) => void;
}

/** Trees that stand on each other at most: the next one after that is brought anew, whole. */
const DEPTH = 16;

/** Brings a client's folder into a tree: on top of the tree of the last time, of which only the differences travel; without any, that tree itself. */
export async function transfer(tools: TransferTools, ctx: CallContext, wish: TransferWish): Promise<Ref> {
  const { refs, places } = tools;
  const found = places.find(wish.key);
  const last = found === undefined || found.depth >= DEPTH ? undefined : found;
  const record = last === undefined ? undefined : refs.get(last.record);
  const path = last === undefined || record === undefined ? undefined : places.path(last.listing);
  const list = path === undefined ? undefined : await ListingReader.open(path);
  const parent = list === undefined ? undefined : record;
  const before = list ?? ListingReader.empty();
  try {
    return await differences(tools, ctx, {
      ...wish,
      parent,
      depth: parent === undefined ? 0 : (last?.depth ?? 0),
      before,
      list: list === undefined ? undefined : path,
    });
  } finally {
    record?.release();
    await before.close();
  }
}

async function differences(
  { refs, places, program }: TransferTools,
  ctx: CallContext,
  wish: TransferWish & {
    readonly parent: Ref | undefined;
    readonly depth: number;
    readonly before: ListingReader;
    readonly list: string | undefined;
  },
): Promise<Ref> {
  const listing = places.newListing();
  const now = new NextList(places.path(listing), wish.before);
  const told = wish.exceptions === undefined ? undefined : await openThinning(places, wish.exceptions);
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => undefined);
  let tree: WorkingTree | undefined;
  let using: Promise<void> | undefined;
  const prepare = async (hooks: Hooks): Promise<TreeWriter | FarTree> => {
    const fresh = (tree = await refs.prepare(ctx, wish.parent, { description: `local source for ${wish.name}`, type: 'source.local' }));
    const mounted = Promise.withResolvers<string>();
    using = withWritableMounts(fresh.mounts, (path) => {
      mounted.resolve(path);
      return over.promise;
    });
    using.catch(mounted.reject);
    const root = await mounted.promise;
    if (everything || told !== undefined || transfers === undefined || call.streamId === undefined) return new TreeWriter(program, root);
    return new FarTree({ ...hooks, transfers, stream: call.streamId, root, out, received });
  };
  const out = new Outbox<Buffer>();
  const { before, everything, received } = wish;
  const call = wish.session.client(RawFileSync).diffCopy(ctx, out, { metadata: wish.metadata });
  const { transfers } = wish.session;
  const compared = wish.list !== undefined && !everything && told === undefined && call.streamId !== undefined;
  const toldAgain = compared ? transfers?.toldAgain(call.streamId, wish.list) : undefined;
  const reception = new Reception({ before, now, writer: prepare, out, everything, toldAgain, thinning: told?.thinning, received });
  let place: Place | undefined;
  try {
    // A folder that was never here has something in it, as good as always.
    await reception.run(call);
    over.resolve();
    await using;
    if (tree === undefined && wish.parent !== undefined) return wish.parent.clone();
    tree ??= await refs.prepare(ctx, undefined, { description: `local source for ${wish.name}`, type: 'source.local' });
    await now.end();
    tree.noteList(places.path(listing));
    const ref = await tree.commit(ctx);
    place = { record: ref.id, listing, depth: wish.depth + 1 };
    places.keep(wish.key, place);
    return ref;
  } catch (error) {
    over.resolve();
    await using?.catch(() => undefined);
    await tree?.discard().catch(() => undefined);
    throw error;
  } finally {
    await told?.close();
    if (place === undefined && now.begun) {
      await now.abandon();
      await places.drop(listing);
    }
  }
}

async function openThinning(
  places: Places,
  exceptions: readonly string[],
): Promise<{ readonly thinning: Thinning; close(): Promise<void> }> {
  const name = places.newListing();
  const list = await ToldList.create(places.path(name));
  return {
    thinning: new Thinning(exceptions, list),
    close: async () => {
      await list.close();
      await places.drop(name);
    },
  };
}
