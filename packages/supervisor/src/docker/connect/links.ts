import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { conflict, internal, invalidArgument, notFound } from '@gantry/rpc';
import { isRunning } from '../../core/phases';
import type { DockerContainer, DockerRecord } from '../records';
import type { Uses } from '../engine';
import { parsePort } from '../validate/validate-config';
import { joinedContainer } from '../validate/validate-modes';

type Needs = Uses<{ records: 'getDocker' | 'requireDocker' | 'updateDocker' }>;

/** A container that another one on the default bridge sees under an alias. */
interface Link {
  readonly alias: string;
  readonly target: DockerRecord;
}

/** Links of user-defined networks are names of their DNS; those of the default bridge are lines of hosts and variables. */
function isLegacy(host: Pick<HostConfig, 'NetworkMode'> | undefined): boolean {
  return host?.NetworkMode === 'bridge';
}

/**
 * Reads `container[:alias]`s and keeps them as `id:alias`, so that a rename does not break them. An empty list is none, but on user-defined
 * networks. Throws invalidArgument.
 */
export function keepLinks(host: HostConfig, find: (ref: string) => DockerRecord | undefined): void {
  if (!isLegacy(host)) return;
  host.givenEmpty = host.givenEmpty.filter((name) => name !== 'Links');
  host.Links = host.Links.map((text) => {
    const [ref = '', alias = ref.replace(/^\//, ''), ...rest] = text.split(':');
    if (ref === '' || alias === '' || rest.length > 0) throw invalidArgument(`bad format for links: ${text}`);
    const target = networkOwner(ref, find);
    if (target.docker.hostConfig?.NetworkMode === 'host')
      throw invalidArgument("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
    return `${target.id}:${alias.slice(alias.lastIndexOf('/') + 1)}`;
  });
}

/** Who has the addresses of a container: itself, or the end of the chain of those whose network is joined. Throws invalidArgument. */
function networkOwner(ref: string, find: (ref: string) => DockerRecord | undefined): DockerRecord {
  const seen = new Set<string>();
  for (let at: string | undefined = ref; ;) {
    const found = find(at);
    if (found === undefined || seen.has(found.id)) throw invalidArgument(`could not get container for ${at}: No such container: ${at}`);
    seen.add(found.id);
    at = joinedContainer(found.docker.hostConfig?.NetworkMode ?? '');
    if (at === undefined) return found;
  }
}

/** The links whose containers still exist. */
function linksOf(engine: Needs, docker: DockerContainer): Link[] {
  if (!isLegacy(docker.hostConfig)) return [];
  return (docker.hostConfig?.Links ?? []).flatMap((text) => {
    const [id = '', alias = ''] = text.split(':');
    const target = engine.records.getDocker(id);
    return target === undefined ? [] : [{ alias, target }];
  });
}

/** As docker shows them: `/container:/this one/alias`. */
export function shownLinks(engine: Needs, docker: DockerContainer): string[] {
  if (!isLegacy(docker.hostConfig)) return docker.hostConfig?.Links ?? [];
  return linksOf(engine, docker).map(({ alias, target }) => `/${target.docker.name}:/${docker.name}/${alias}`);
}

/** The names by which others know containers on the default bridge, `/other/alias`, by the id of whom they lead to. */
export function linkNames(records: readonly DockerRecord[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const { docker } of records) {
    const links = docker.hostConfig?.Links ?? [];
    if (links.length === 0 || !isLegacy(docker.hostConfig)) continue;
    for (const text of links) {
      const [id = '', alias = ''] = text.split(':');
      names.set(id, [...(names.get(id) ?? []), `/${docker.name}/${alias}`]);
    }
  }
  return names;
}

const addressOf = (docker: DockerContainer): string => docker.endpoints['bridge']?.IPAddress ?? '';

/** Throws internal when a linked container does not run: there would be no address to tell. */
export function requireLinkedRunning(engine: Needs, docker: DockerContainer): void {
  for (const { alias, target } of linksOf(engine, docker)) {
    if (target.docker.hostConfig?.NetworkMode !== 'bridge' && target.docker.endpoints['bridge'] === undefined)
      throw internal(`container ${target.id} not attached to default bridge network`);
    if (!isRunning(target.docker))
      throw internal(`Cannot link to a non running container: /${target.docker.name} AS /${docker.name}/${alias}`);
  }
}

/** Whether one of a container's links leads to that id. */
export function isLinkedTo(docker: DockerContainer, id: string): boolean {
  return isLegacy(docker.hostConfig) && (docker.hostConfig?.Links ?? []).some((text) => text.startsWith(`${id}:`));
}

/** Lines of the hosts file for linked containers that run. */
export function linkHosts(engine: Needs, docker: DockerContainer): string[] {
  return linksOf(engine, docker)
    .filter(({ target }) => addressOf(target.docker) !== '')
    .map(({ alias, target }) => {
      const names = [alias, target.docker.config?.Hostname ?? '', target.docker.name].filter(
        (name, index, all) => name !== '' && all.indexOf(name) === index,
      );
      return `${addressOf(target.docker)}\t${names.join(' ')}\n`;
    });
}

/** Variables that tell of linked containers: their addresses, exposed ports and environment. */
export function linkEnvironment(engine: Needs, docker: DockerContainer): string[] {
  return linksOf(engine, docker).flatMap(({ alias, target }) => {
    const prefix = alias.replaceAll('-', '_').toUpperCase();
    const address = addressOf(target.docker);
    const ports = Object.keys(target.docker.config?.ExposedPorts ?? {})
      .map(parsePort)
      .sort((a, b) => a.port - b.port || b.protocol.localeCompare(a.protocol));
    const url = ({ port, protocol }: (typeof ports)[number]): string => `${protocol}://${address}:${port}`;
    const [first] = ports;
    const variables = target.docker.config?.Env.filter((entry) => entry.includes('=') && !/^(HOME|PATH)=/.test(entry)) ?? [];
    return [
      ...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]),
      ...ports.flatMap((one) => {
        const name = `${prefix}_PORT_${one.port}_${one.protocol.toUpperCase()}`;
        return [`${name}=${url(one)}`, `${name}_ADDR=${address}`, `${name}_PORT=${one.port}`, `${name}_PROTO=${one.protocol}`];
      }),
      `${prefix}_NAME=/${docker.name}/${alias}`,
      ...variables.map((entry) => `${prefix}_ENV_${entry}`),
    ];
  });
}

/** DELETE /containers/{name}?link=1: `container/alias` loses the link; the containers stay. Throws conflict, notFound. */
export function removeLink(engine: Needs, name: string): void {
  const parts = name.split('/').filter((part) => part !== '');
  const [parent = '', alias = ''] = parts;
  if (parts.length !== 2) throw conflict('Conflict, cannot remove the default link name of the container');
  const { id, docker } = engine.records.requireDocker(parent);
  const links = docker.hostConfig?.Links ?? [];
  const kept = links.filter((text) => text.split(':')[1] !== alias);
  if (docker.hostConfig === undefined || kept.length === links.length) throw notFound(`No such container: ${parent}/${alias}`);
  engine.records.updateDocker(id, (current) =>
    current.hostConfig === undefined ? current : { ...current, hostConfig: { ...current.hostConfig, Links: kept } },
  );
}
