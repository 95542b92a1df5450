import { ContainerConfig, ImageServiceService, PodSandboxConfig, RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import { connect, newContext, type ServiceClient } from '@gantry/rpc';

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
