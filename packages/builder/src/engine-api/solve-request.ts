import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { formatReference, parsePlatform, parseReference, withDefaultTag } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

export interface SolvePlace {
  /** The client's name for the build. */
  readonly ref: string;
  /** URL of the context, where it is no folder of the client's. */
  readonly context: string | undefined;
  readonly session: string;
  /** Addresses that host-gateway stands for. */
  readonly hostGateway: readonly string[];
}

/** What POST /build asks for, as Control takes it. Errors: invalidArgument that names the parameter. */
export function solveRequest(build: BuildImageRequest, place: SolvePlace): SolveRequest {
  const [output, ...more] = build.outputs;
  if (more.length > 0) throw invalidArgument('multiple outputs not supported');
  const exporter = output === undefined ? 'moby' : output.type === 'cacheonly' ? '' : output.type;
  const attributes = { ...output?.attributes };
  if ((exporter === 'moby' || exporter === 'image') && build.tags.length > 0) attributes['name'] = tagged(build.tags).join(',');
  const inline = build.buildArgs.find(({ name }) => name === 'BUILDKIT_INLINE_CACHE')?.value;
  return SolveRequest.fromPartial({
    Ref: place.ref,
    Session: place.session,
    Frontend: 'dockerfile.v0',
    FrontendAttrs: frontendOptions(build, place),
    Exporters: exporter === '' ? [] : [{ Type: exporter, Attrs: attributes }],
    Cache: inline === '1' || inline === 'true' ? { Exports: [{ Type: 'inline', Attrs: {} }] } : {},
    Entitlements: build.networkMode === 'host' ? ['network.host'] : [],
  });
}

function frontendOptions(build: BuildImageRequest, { context, hostGateway }: SolvePlace): Record<string, string> {
  const options: Record<string, string> = { 'image-resolve-mode': build.pull ? 'pull' : 'default' };
  if (build.target !== '') options['target'] = build.target;
  if (build.dockerfile !== '' && build.dockerfile !== '.') options['filename'] = build.dockerfile;
  if (context !== undefined) options['context'] = context;
  if (build.cacheFrom.length > 0) options['cache-from'] = build.cacheFrom.join(',');
  for (const { name, value } of build.buildArgs) if (value !== undefined) options[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(build.labels)) options[`label:${name}`] = value;
  if (build.noCache) options['no-cache'] = '';
  if (build.platform !== '') {
    parsePlatform(build.platform);
    options['platform'] = build.platform;
  }
  if (build.networkMode === 'host' || build.networkMode === 'none') options['force-network-mode'] = build.networkMode;
  else if (build.networkMode !== '' && build.networkMode !== 'default')
    throw invalidArgument(`network mode ${JSON.stringify(build.networkMode)} not supported by buildkit`);
  const hosts = build.extraHosts.flatMap((host) => extraHost(host, hostGateway));
  if (hosts.length > 0) options['add-hosts'] = hosts.join(',');
  if (build.shmSize > 0n) options['shm-size'] = String(build.shmSize);
  if (build.ulimits.length > 0)
    options['ulimit'] = build.ulimits.map(({ name, soft, hard }) => `${name}=${soft}${hard === soft ? '' : `:${hard}`}`).join(',');
  return options;
}

function extraHost(text: string, gateway: readonly string[]): readonly string[] {
  const colon = text.indexOf(':');
  const [host, address] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1 || address === '') throw invalidArgument(`invalid host ${text}`);
  if (address !== 'host-gateway') return [`${host}=${address}`];
  if (gateway.length === 0) throw invalidArgument('unable to derive the IP value for host-gateway');
  return gateway.map((each) => `${host}=${each}`);
}

/** Full names, each once. */
export function tagged(tags: readonly string[]): readonly string[] {
  return [
    ...new Set(
      tags
        .filter((tag) => tag !== '')
        .map((tag) => {
          const reference = parseReference(tag);
          if (reference.digest !== undefined) throw invalidArgument('build tag cannot contain a digest');
          return formatReference(withDefaultTag(reference));
        }),
    ),
  ];
}
