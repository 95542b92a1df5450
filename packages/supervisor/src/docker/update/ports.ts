import type { PublishRequest, PublishResponse, UnpublishRequest, UnpublishResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { PortBindings } from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, detached, isErrorOf } from '@gantry/rpc';
import { type JournalEntry, untilEnded } from '../../core/journal';
import { patiently } from '../../core/patience';
import { isRunning } from '../../core/phases';
import { portRequests, portsOf } from '../connect/connect';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import type { DockerContainer } from '../records';
import { validatePorts } from '../validate/validate-host-config';
import { planPorts, type PortsAsked } from './plan-ports';

export type PortsNeeds = Uses<{
  records: 'dockerNamespace' | 'getDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  journal: 'begin' | 'end' | 'open';
  network: 'setPorts';
  persistence: 'until';
  queues: 'run';
}>;

/** The journal's word for a change of what is published. */
export const PORTS = 'ports';

export interface PortsChanged {
  /** What is published now; nothing where the container does not run. */
  readonly ports: Record<string, PortBindings>;
  readonly warnings: string[];
}

/** gantry.engine.v1's Publish: further ports of a container, from now on and at its next starts. */
export const publishPorts = (engine: PortsNeeds, caller: CallContext, { id, ports }: PublishRequest): Promise<PublishResponse> =>
  inQueue(engine, caller, id, { publish: ports, unpublish: {} });

/** Its Unpublish. Connections that are open go on, as behind any firewall. */
export const unpublishPorts = (engine: PortsNeeds, caller: CallContext, { id, ports }: UnpublishRequest): Promise<UnpublishResponse> =>
  inQueue(engine, caller, id, { publish: {}, unpublish: ports });

async function inQueue(engine: PortsNeeds, caller: CallContext, ref: string, asked: PortsAsked): Promise<PortsChanged> {
  const { id } = engine.records.requireDocker(ref);
  return engine.queues.run(id, () => changePorts(engine, caller, id, asked));
}

export const asksForPorts = ({ publish, unpublish }: PortsAsked): boolean =>
  Object.keys(publish).length + Object.keys(unpublish).length > 0;

/**
 * Changes what a container publishes, in its queue. The record says what was before until the network service has made what is after: a death in between is undone
 * at the next start, a failure at once.
 */
export async function changePorts(engine: PortsNeeds, caller: CallContext, id: string, asked: PortsAsked): Promise<PortsChanged> {
  const { docker: before } = engine.records.requireDocker(id);
  if (before.hostConfig === undefined) return { ports: before.ports, warnings: [] };
  const hostConfig = { ...before.hostConfig, ...planPorts(before, asked) };
  const warnings = validatePorts(hostConfig);
  if (!isRunning(before)) {
    engine.records.updateDocker(id, (current) => ({ ...current, hostConfig }));
    tell(engine, id, 'unpublish', before, asked.unpublish);
    tell(engine, id, 'publish', before, asked.publish);
    return { ports: {}, warnings };
  }
  const ctx = inDockerNamespace(engine, detached(caller));
  const entry = engine.journal.begin(PORTS, id, {});
  let ports: Record<string, PortBindings>;
  try {
    ports = await publishNow(engine, ctx, id, { ...before, hostConfig });
  } catch (error) {
    // What it refused it has not done; of anything else nobody knows.
    if (isErrorOf(error, 'unavailable', 'deadlineExceeded')) undoPortsLater(engine, ctx, entry);
    else engine.journal.end(entry, () => undefined, { durable: false });
    throw error;
  }
  engine.journal.end(entry, () => engine.records.updateDocker(id, (current) => ({ ...current, hostConfig, ports })));
  tell(engine, id, 'unpublish', before, difference(before.ports, ports));
  tell(engine, id, 'publish', before, difference(ports, before.ports));
  return { ports, warnings };
}

/** What a change of ports that was cut short did is undone as soon as it can be. */
export function undoPortsLater(
  engine: Pick<PortsNeeds, 'records' | 'journal' | 'network' | 'persistence'>,
  ctx: CallContext,
  entry: JournalEntry,
): void {
  untilEnded(engine, entry, 'putting published ports back', () => undoPorts(engine, ctx, entry));
}

/** The network service is told what the record says. */
async function undoPorts(
  engine: Pick<PortsNeeds, 'records' | 'journal' | 'network'>,
  ctx: CallContext,
  entry: JournalEntry,
): Promise<void> {
  const id = entry.subject;
  const record = engine.records.getDocker(id);
  const ports = record !== undefined && isRunning(record.docker) ? await publishNow(engine, ctx, id, record.docker) : undefined;
  engine.journal.end(entry, () => {
    if (ports === undefined || engine.records.getDocker(id) === undefined) return;
    engine.records.updateDocker(id, (current) => (isRunning(current) ? { ...current, ports } : current));
  });
}

async function publishNow(
  { network }: Pick<PortsNeeds, 'network'>,
  ctx: CallContext,
  id: string,
  docker: DockerContainer,
): Promise<Record<string, PortBindings>> {
  const request = { sandboxId: id, ports: portRequests(docker) };
  const { router } = await patiently(() => network.setPorts(ctx, request, { timeoutMs: 60_000 }));
  return portsOf(router);
}

type Bindings = Readonly<Record<string, PortBindings>>;

/** Bindings of one that the other has not. */
function difference(one: Bindings, other: Bindings): Bindings {
  const left = Object.entries(one).map(([port, { items }]) => {
    const present = other[port]?.items ?? [];
    return [
      port,
      { items: items.filter((item) => !present.some(({ HostIp, HostPort }) => HostIp === item.HostIp && HostPort === item.HostPort)) },
    ] as const;
  });
  return Object.fromEntries(left.filter(([, { items }]) => items.length > 0));
}

/** An event of the container for what came or went: `0.0.0.0:8080->80/tcp`. */
function tell(engine: PortsNeeds, id: string, action: 'publish' | 'unpublish', docker: DockerContainer, bindings: Bindings): void {
  const texts = Object.entries(bindings).flatMap(([port, { items }]) =>
    items.length === 0 ? [port] : items.map(({ HostIp: ip, HostPort }) => `${ip.includes(':') ? `[${ip}]` : ip}:${HostPort}->${port}`),
  );
  if (texts.length > 0) emitContainerEvent(engine, id, docker, action, { ports: texts.join(', ') });
}
