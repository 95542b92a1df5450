import { ConnectRequest } from '@gantry/api/gantry/network/v1/network';
import { type CallContext, failedPrecondition, isErrorOf, notFound } from '@gantry/rpc';
import { insist } from '../worker/insist';
import type { ContainerWish } from './executor';
import type { ExecutorNeeds, ExecutorSettings } from './needs';

type Needs = Pick<ExecutorNeeds, 'network' | 'settings'>;

/** The network that every engine has. */
const DEFAULT_NETWORK = 'bridge';

/** Whose endpoints they are: the engine knows nothing of them, and leaves them alone. */
const ownerOf = ({ directory }: Pick<ExecutorSettings, 'directory'>): string => `build ${directory}`;

/** Where a container's network is. */
export interface NetworkPlace {
  /** Path of the namespace that it is put into; undefined: one of its own, unless it is in the host's. */
  readonly namespace: string | undefined;
  readonly isHost: boolean;
  /** The network that it is connected to once it is made. */
  readonly connectTo: string | undefined;
  /** Names are asked of the resolver inside, which knows those of its networks. */
  readonly embeddedDns: boolean;
}

const NOWHERE: NetworkPlace = { namespace: undefined, isHost: false, connectTo: undefined, embeddedDns: false };

/** Finds what a container's network is to be. Errors: notFound or failedPrecondition for a container or network that is not there. */
export async function placeInNetwork(
  needs: Needs & Pick<ExecutorNeeds, 'tasks' | 'inStore'>,
  ctx: CallContext,
  wish: Pick<ContainerWish, 'network'>,
): Promise<NetworkPlace> {
  const { network, settings } = needs;
  if (wish.network === 'none') return NOWHERE;
  if (wish.network === 'host') return { ...NOWHERE, isHost: true };
  if (wish.network === 'default') {
    if (network === undefined) return { ...NOWHERE, isHost: settings.withoutNetworkService === 'host' };
    return settings.defaultBridge ? { ...NOWHERE, connectTo: DEFAULT_NETWORK } : NOWHERE;
  }
  if (network === undefined) throw failedPrecondition('there is no network service: steps have no network but the default one');
  const { networks } = await network.listNetworks(ctx, {});
  if ('of' in wish.network) {
    const { of: container } = wish.network;
    const own = networks.some(({ predefined, endpoints }) => !predefined && endpoints.some(({ sandboxId }) => sandboxId === container));
    return { ...NOWHERE, namespace: await namespaceOf(needs, ctx, container), embeddedDns: own };
  }
  const { name } = wish.network;
  const found = networks.find((each) => each.name === name) ?? networks.find(({ id }) => id === name);
  if (found === undefined) throw notFound(`failed to set up container networking: network ${name} not found`);
  return { ...NOWHERE, connectTo: found.id, embeddedDns: !found.predefined };
}

/** The network namespace of a container of the engine that runs. */
async function namespaceOf(
  { tasks, inStore }: Pick<ExecutorNeeds, 'tasks' | 'inStore'>,
  ctx: CallContext,
  container: string,
): Promise<string> {
  try {
    const { process } = await tasks.get(inStore(ctx), { containerId: container, execId: '' });
    if (process !== undefined && process.pid > 0) return `/proc/${process.pid}/ns/net`;
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
  }
  throw failedPrecondition(`cannot join network namespace of a non running container: ${container}`);
}

/** Connects a container that is made and does not run yet. Answers with what takes it off again. */
export async function connectNetwork(
  { network, settings }: Needs,
  ctx: CallContext,
  {
    id,
    pid,
    wish,
    connectTo,
  }: { readonly id: string; readonly pid: number; readonly wish: ContainerWish } & Pick<NetworkPlace, 'connectTo'>,
): Promise<() => Promise<void>> {
  if (connectTo === undefined || network === undefined) return () => Promise.resolve();
  const asked = ConnectRequest.fromPartial({
    networkRef: connectTo,
    sandboxId: id,
    netnsPath: `/proc/${pid}/ns/net`,
    containerName: id,
    hostname: wish.hostname,
    owner: ownerOf(settings),
  });
  const release = async (): Promise<void> => void (await insist(() => network.releaseSandbox(ctx, { sandboxId: id })));
  try {
    await network.connect(ctx, asked);
    return release;
  } catch (error) {
    if (isErrorOf(error, 'unavailable')) await release().catch(() => undefined); // it may have been connected; the failure of that is told
    throw error;
  }
}

/** Releases what a former life connected. */
export async function releaseAll({ network, settings }: Needs, ctx: CallContext): Promise<void> {
  await network?.reconcile(ctx, { sandboxes: [], owner: ownerOf(settings) });
}
