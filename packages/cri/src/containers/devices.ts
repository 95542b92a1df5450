import type { ContainerConfig } from '@gantry/api/runtime/v1/api';
import type { Logger } from '@gantry/rpc';
import { type KnownDevice, readDevices } from '@gantry/spec';
import { unknown } from '../failures';

/** Keys of annotations by which older kubelets' device plugins name devices, several in a value. */
const ANNOTATION = 'cdi.k8s.io/';

/** The devices that a container asks for by name, as their descriptions say now. Throws unknown for one that nobody describes. */
export async function devicesOf(
  directories: readonly string[],
  { CDIDevices, annotations }: Pick<ContainerConfig, 'CDIDevices' | 'annotations'>,
  logger: Pick<Logger, 'warn'>,
): Promise<KnownDevice[]> {
  const noted = Object.entries(annotations).flatMap(([key, value]) => (key.startsWith(ANNOTATION) ? value.split(',') : []));
  const names = [...new Set([...CDIDevices.map(({ name }) => name), ...noted])].filter((name) => name !== '');
  if (names.length === 0) return [];
  const known = await readDevices(directories, logger);
  const missing = names.filter((name) => !known.some((device) => device.name === name));
  if (missing.length > 0) throw unknown(`CDI device injection failed: unresolvable CDI devices ${missing.join(', ')}`);
  return names.flatMap((name) => known.find((device) => device.name === name) ?? []);
}
