import { type Digest, type ImageConfig, withoutNulls } from '@gantry/oci';
import { dataLoss } from '@gantry/rpc';

/** An image's configuration, as far as it is relied on checked. */
export function parseConfig(bytes: Buffer, digest: string): ImageConfig {
  let value: unknown;
  try {
    value = withoutNulls(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw dataLoss(`image configuration ${digest} is not JSON`, { cause });
  }
  const config = value as Partial<ImageConfig> | null;
  const diffIds: unknown = config?.rootfs?.diff_ids ?? [];
  const history: unknown = config?.history ?? [];
  if (
    typeof config !== 'object' ||
    config === null ||
    !Array.isArray(diffIds) ||
    !diffIds.every((id) => typeof id === 'string' && /^sha256:[0-9a-f]{64}$/.test(id))
  ) {
    throw dataLoss(`image configuration ${digest} has no valid root file system`);
  }
  if (!Array.isArray(history) || !history.every((step) => typeof step === 'object' && step !== null))
    throw dataLoss(`history of image configuration ${digest} is no list of steps`);
  return {
    ...config,
    os: config.os ?? 'linux',
    architecture: config.architecture ?? 'amd64',
    rootfs: { type: 'layers', diff_ids: diffIds as Digest[] },
  };
}
