import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { Spec } from '@gantry/oci';
import { failedPrecondition } from '@gantry/rpc';
import { readDevices, withDevices } from '@gantry/spec';
import type { Uses } from '../engine';

type Needs = Uses<{ settings: 'cdiSpecDirs'; looks: 'look'; logger: true }>;

/** config.json with the devices that the container asks for by name, as their descriptions say at this moment. */
export async function withRequestedDevices(engine: Needs, spec: Spec, { DeviceRequests: requests }: HostConfig): Promise<Spec> {
  const asked = requests.filter(({ Driver }) => Driver === 'cdi').flatMap(({ DeviceIDs }) => DeviceIDs);
  if (asked.length === 0) return spec;
  if (engine.settings.cdiSpecDirs.length === 0) throw failedPrecondition('could not select device driver "cdi" with capabilities: []');
  const known = await readDevices(engine.settings.cdiSpecDirs, engine.logger);
  const missing = asked.filter((name) => !known.some((device) => device.name === name));
  if (missing.length > 0) throw failedPrecondition(`CDI device injection failed: unresolvable CDI devices ${missing.join(', ')}`);
  const devices = known.filter(({ name }) => asked.includes(name));
  const edits = devices.flatMap(({ spec: described, device }) => [described.containerEdits ?? {}, device.containerEdits]);
  // Whoever reads them after this gets an answer, wherever they are.
  for (const path of new Set(edits.flatMap(({ deviceNodes = [] }) => deviceNodes.map((node) => node.hostPath ?? node.path))))
    await engine.looks.look('exists', [path], { path, failure: `error gathering device information of "${path}"` });
  return withDevices(spec, devices);
}
