import { ContainerConfig, ImageServiceService, PodSandboxConfig, RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import { connect, newContext, type ServiceClient } from '@gantry/rpc';
import { type Engine, loadBusybox } from './engine';
import type { Registry } from './registry';

/** A client of the container runtime interface, as kubelet is one. */
export interface CriClient {
  readonly runtime: ServiceClient<typeof RuntimeServiceService>;
  readonly images: ServiceClient<typeof ImageServiceService>;
  close(): void;
}

export function connectCri(socket: string): CriClient {
  const connection = connect(socket, { defaults: { waitForReady: true, timeoutMs: 60_000 } });
  return {
    runtime: connection.client(RuntimeServiceService),
    images: connection.client(ImageServiceService),
    close: () => connection.close(),
  };
}

export const criContext = newContext({ namespace: '' });

export const imageNamed = (image: string) => ({ image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' });

export function podNamed(name: string, change: object = {}): PodSandboxConfig {
  const metadata = { name, uid: `${name}-uid`, namespace: 'default', attempt: 0 };
  return PodSandboxConfig.fromPartial({ metadata, linux: {}, ...change });
}

export function containerNamed(name: string, image: string, change: object = {}): ContainerConfig {
  return ContainerConfig.fromPartial({ metadata: { name, attempt: 0 }, image: imageNamed(image), linux: {}, ...change });
}

/** Puts busybox into the registry, from where pods pull it; its name there. */
export async function pushBox(engine: Engine, registry: Registry): Promise<string> {
  const image = `${registry.name}/cri/box:1`;
  await loadBusybox(engine);
  for (const line of [
    ['tag', 'busybox', image],
    ['push', image],
  ]) {
    const done = await engine.docker(line);
    if (done.code !== 0) throw new Error(done.stderr);
  }
  return image;
}
