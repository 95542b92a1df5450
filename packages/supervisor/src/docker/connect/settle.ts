import { type CallContext, ignore, isErrorOf } from '@gantry/rpc';
import type { JournalEntry } from '../../core/journal';
import { patiently } from '../../core/patience';
import { isRunning } from '../../core/phases';
import { inDockerNamespace, type Uses } from '../engine';
import { portsOf } from './connect';
import { leaveNetwork } from './leave';

export type SettleNeeds = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf';
  records: 'dockerNamespace' | 'findDocker' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  journal: 'begin' | 'end' | 'open';
  network: 'disconnect' | 'renameSandbox';
  persistence: 'until';
}>;

/** The journal's words for changes of a running container's networks: the network service makes them, and the record says so afterwards. */
export type NetworkChange = 'connect' | 'disconnect' | 'rename';

/** Of a connection that is made or taken away. */
export interface NetworkInput {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
}

const settlers: Readonly<Record<NetworkChange, (engine: SettleNeeds, ctx: CallContext, entry: JournalEntry) => Promise<void>>> = {
  connect: undoConnect,
  disconnect: finishDisconnect,
  rename: tellName,
};

const isChange = (kind: string): kind is NetworkChange => Object.hasOwn(settlers, kind);

/** Whether an entry is one of these. */
export const isNetworkChange = ({ kind }: Pick<JournalEntry, 'kind'>): boolean => isChange(kind);

/** In the container's queue: makes record and network service agree on what was cut short. */
export async function settleNetworks(engine: SettleNeeds, ctx: CallContext, id: string): Promise<void> {
  for (const entry of engine.journal.open())
    if (entry.subject === id && isChange(entry.kind)) await settlers[entry.kind](engine, ctx, entry);
}

/** The same as soon as it can be done. */
export function settleLater(engine: SettleNeeds, ctx: CallContext, id: string): void {
  engine.persistence.until(id, 'agreeing on its networks', () => settleNetworks(engine, ctx, id));
}

/** Does a change whose entry is written. What the network service refused it has not done; of anything else nobody knows. */
export async function journaled<T>(engine: SettleNeeds, ctx: CallContext, entry: JournalEntry, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (isErrorOf(error, 'unavailable', 'deadlineExceeded')) settleLater(engine, inDockerNamespace(engine, ctx), entry.subject);
    else engine.journal.end(entry, () => undefined, { durable: false });
    throw error;
  }
}

/** An endpoint that the record does not know of goes again, and what it published with it. */
async function undoConnect(engine: SettleNeeds, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const { id, name } = entry.input as NetworkInput;
  const isHalf = (): boolean => {
    const docker = engine.records.getDocker(entry.subject)?.docker;
    return docker !== undefined && isRunning(docker) && docker.endpoints[name] === undefined;
  };
  if (!isHalf()) return engine.journal.end(entry, () => undefined, { durable: false });
  // Nothing is left where the network is gone.
  const left = await engine.network.disconnect(ctx, { networkRef: id, sandboxId: entry.subject, force: true }).catch(ignore('notFound'));
  engine.journal.end(entry, () => {
    if (isHalf()) engine.records.updateDocker(entry.subject, (current) => ({ ...current, ports: portsOf(left?.router) }));
  });
}

async function finishDisconnect(engine: SettleNeeds, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const network = entry.input as NetworkInput;
  if (engine.records.getDocker(entry.subject)?.docker.endpoints[network.name] === undefined)
    return engine.journal.end(entry, () => undefined, { durable: false });
  await leaveNetwork(engine, ctx, entry.subject, network, entry);
}

/** The network service resolves a container that runs by the name in its record. */
export async function tellName(engine: SettleNeeds, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const docker = engine.records.getDocker(entry.subject)?.docker;
  if (docker !== undefined && isRunning(docker))
    await patiently(() => engine.network.renameSandbox(ctx, { sandboxId: entry.subject, containerName: docker.name }));
  engine.journal.end(entry, () => undefined, { durable: false });
}
