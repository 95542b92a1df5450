import type { ContainerConfig } from '@gantry/api/runtime/v1/api';

/** What is read of a checkpoint's status.dump. */
export interface StatusDump {
  readonly image?: { readonly image?: string; readonly user_specified_image?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

const POD_UID = 'io.kubernetes.pod.uid';
/** kubelet looks at these to tell whether its container is to be made anew: they are those of the container that it makes. */
const FRESH = ['io.kubernetes.container.hash', 'io.kubernetes.container.restartCount'];

/** What kubelet asks for, with the checkpointed container's annotations and image; names of devices are not taken over from a file. */
export function restoredConfig(
  config: ContainerConfig,
  { status, at, podUid }: { readonly status: StatusDump; readonly at: string; readonly podUid: string },
): ContainerConfig {
  const kept = Object.fromEntries(
    Object.entries(status.annotations ?? {}).filter(([key]) => key !== 'cdi.k8s.io' && !key.startsWith('cdi.k8s.io/')),
  );
  if (podUid !== '' && kept[POD_UID] !== undefined) kept[POD_UID] = podUid;
  for (const key of FRESH) {
    const own = config.annotations[key];
    if (own !== undefined && kept[key] !== undefined) kept[key] = own;
  }
  const asked = config.image;
  return {
    ...config,
    annotations: { ...kept, restored: 'true', checkpointedAt: at, checkpointImage: asked?.userSpecifiedImage ?? '' },
    image: {
      annotations: {},
      runtimeHandler: '',
      imageRef: '',
      ...asked,
      image: status.image?.image ?? '',
      userSpecifiedImage: status.image?.user_specified_image ?? '',
    },
  };
}
