import type { Spec } from '@gantry/oci';
import { HoldRequest } from '@gantry/api/gantry/shim/v1/shim';
import { type CallContext, GantryError, notImplemented } from '@gantry/rpc';
import type { Uses } from '../engine';

/** Holders of ours among those of pods. */
const PREFIX = 'restore-';

type Needs = Uses<{ holders: 'hold' | 'release' | 'list'; network: 'moveSandbox' }>;

/** A network namespace that is there before the processes that are put into it: criu makes all else anew, but knows nothing of networks. */
export interface HeldNetwork {
  readonly pid: number;
  readonly spec: Spec;
}

/** Holds one for a container whose spec asks for its own; undefined: it has the host's, none that is its own, or joins another's. */
export async function holdNetwork(engine: Needs, ctx: CallContext, id: string, spec: Spec): Promise<HeldNetwork | undefined> {
  const namespaces = spec.linux?.namespaces ?? [];
  if (!namespaces.some(({ type, path }) => type === 'network' && path === undefined)) return undefined;
  if (namespaces.some(({ type }) => type === 'user'))
    throw notImplemented('start from a checkpoint of a container with a user namespace of its own is not supported');
  const sysctls = Object.fromEntries(Object.entries(spec.linux?.sysctl ?? {}).filter(([name]) => name.startsWith('net.')));
  const { holder } = await engine.holders.hold(ctx, HoldRequest.fromPartial({ id: PREFIX + id, network: true, sysctls }));
  if (holder === undefined || !holder.alive) throw new GantryError('internal', `the network namespace of ${id} is not held`);
  const held = namespaces.map((one) => (one.type === 'network' ? { ...one, path: `/proc/${holder.pid}/ns/net` } : one));
  return { pid: holder.pid, spec: { ...spec, linux: { ...spec.linux, namespaces: held } } };
}

/** It runs: its own process keeps the namespace. */
export async function passNetwork(engine: Needs, ctx: CallContext, id: string, pid: number): Promise<void> {
  await engine.network.moveSandbox(ctx, { sandboxId: id, netnsPath: `/proc/${pid}/ns/net` });
  await letGo(engine, ctx, id);
}

/** Does nothing when nothing is held. */
export async function letGo(engine: Pick<Needs, 'holders'>, ctx: CallContext, id: string): Promise<void> {
  await engine.holders.release(ctx, { id: PREFIX + id });
}

/** Those of starts that were cut short. */
export async function letAllGo(engine: Pick<Needs, 'holders'>, ctx: CallContext): Promise<void> {
  const { holders } = await engine.holders.list(ctx, { id: '' });
  for (const { id } of holders) if (id.startsWith(PREFIX)) await engine.holders.release(ctx, { id });
}
