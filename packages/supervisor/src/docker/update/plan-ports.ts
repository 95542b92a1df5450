import type { HostConfig, PortBinding, PortBindings } from '@gantry/api/gantry/engine/v1/types';
import { internal, notFound } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import { type ContainerPort, parsePort } from '../validate/validate-config';

type Bindings = Readonly<Record<string, PortBindings>>;

export interface PortsAsked {
  /** As HostConfig.PortBindings: "80/tcp" to bindings; without any the port gets a free one. */
  readonly publish: Bindings;
  /** The same; without bindings all of the port go. What a binding leaves open it says nothing about. */
  readonly unpublish: Bindings;
}

type Publishing = Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>;

/** What a container is told to publish after a change. Throws invalidArgument, notFound for what is not published, internal for what it publishes already. */
export function planPorts(docker: Pick<DockerContainer, 'name' | 'config' | 'hostConfig' | 'ports'>, asked: PortsAsked): Publishing {
  let next: Publishing = {
    PortBindings: docker.hostConfig?.PortBindings ?? {},
    PublishAllPorts: docker.hostConfig?.PublishAllPorts ?? false,
  };
  for (const [text, { items }] of Object.entries(asked.unpublish)) next = without(docker, next, parsePort(text), items);
  for (const [text, { items }] of Object.entries(asked.publish)) next = withMore(next, parsePort(text), items.length > 0 ? items : [ANY]);
  return next;
}

const ANY: PortBinding = { HostIp: '', HostPort: '' };

const nameOf = ({ port, protocol }: ContainerPort): string => `${port}/${protocol}`;

/** Keys may leave the protocol out. */
const keysOf = (bindings: Bindings, port: ContainerPort): string[] =>
  Object.keys(bindings).filter((key) => nameOf(parsePort(key)) === nameOf(port));

const bindingsOf = (bindings: Bindings, port: ContainerPort): PortBinding[] =>
  keysOf(bindings, port).flatMap((key) => (bindings[key]?.items.length === 0 ? [ANY] : (bindings[key]?.items ?? [])));

function replaced({ PortBindings: before, PublishAllPorts }: Publishing, port: ContainerPort, items: PortBinding[]): Publishing {
  const keys = keysOf(before, port);
  const others = Object.entries(before).filter(([key]) => !keys.includes(key));
  return {
    PublishAllPorts,
    PortBindings: Object.fromEntries(items.length === 0 ? others : [...others, [keys[0] ?? nameOf(port), { items }]]),
  };
}

function withMore(before: Publishing, port: ContainerPort, items: readonly PortBinding[]): Publishing {
  const present = bindingsOf(before.PortBindings, port);
  const twice = items.find(
    (one) => one.HostPort !== '' && present.some((other) => one.HostPort === other.HostPort && one.HostIp === other.HostIp),
  );
  if (twice !== undefined) {
    const ip = twice.HostIp === '' ? '0.0.0.0' : twice.HostIp;
    throw internal(`Bind for ${ip.includes(':') ? `[${ip}]` : ip}:${twice.HostPort} failed: port is already allocated`);
  }
  return replaced(before, port, [...present, ...items]);
}

function without(
  docker: Pick<DockerContainer, 'name' | 'config' | 'ports'>,
  asIs: Publishing,
  port: ContainerPort,
  items: readonly PortBinding[],
): Publishing {
  const before = asIs.PublishAllPorts ? written(docker, asIs) : asIs;
  let left = bindingsOf(before.PortBindings, port);
  const published = docker.ports[nameOf(port)]?.items ?? [];
  if (left.length === 0) throw notPublished(docker.name, nameOf(port));
  for (const item of items) {
    const found = left.find((binding) => isMeant(item, binding, published));
    if (found === undefined) throw notPublished(docker.name, nameOf(port));
    left = left.filter((binding) => binding !== found);
  }
  return replaced(before, port, items.length === 0 ? [] : left);
}

const notPublished = (name: string, port: string): Error => notFound(`No public port '${port}' published for ${name}`);

/** -P written out: each exposed port that nothing says more of gets a free one. */
function written({ config }: Pick<DockerContainer, 'config'>, { PortBindings: before }: Publishing): Publishing {
  const more = Object.keys(config?.ExposedPorts ?? {})
    .map(parsePort)
    .filter((port) => keysOf(before, port).length === 0);
  return {
    PublishAllPorts: false,
    PortBindings: { ...before, ...Object.fromEntries(more.map((port) => [nameOf(port), { items: [ANY] }])) },
  };
}

const isWildcard = (ip: string): boolean => ip === '0.0.0.0' || ip === '::';

/** Whether a binding is the one that is meant: as it was asked for, or by the port that was chosen for it. */
function isMeant(asked: PortBinding, binding: PortBinding, published: readonly PortBinding[]): boolean {
  const sameIp = asked.HostIp === '' || asked.HostIp === binding.HostIp || (binding.HostIp === '' && isWildcard(asked.HostIp));
  if (!sameIp) return false;
  if (asked.HostPort === '' || asked.HostPort === binding.HostPort) return true;
  const [first = '', last = first] = binding.HostPort.split('-');
  const isOfRange = binding.HostPort === '' || (Number(first) <= Number(asked.HostPort) && Number(asked.HostPort) <= Number(last));
  return isOfRange && published.some(({ HostPort }) => HostPort === asked.HostPort);
}
