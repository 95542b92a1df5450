import { NetMode, type Op, SecurityMode } from '@gantry/api/pb/ops';
import { forbidden } from '@gantry/rpc';
import type { AskedRights } from '../frontend/frontend';

/** Which of the devices asked for a build may not have, that has been granted those of these names. */
export type RefusedDevices = (asked: AskedRights['devices'], granted: ReadonlySet<string>) => readonly string[];

const byName: RefusedDevices = (asked, granted) => asked.flatMap(({ name, optional }) => (optional || granted.has(name) ? [] : [name]));

/** Refuses processes that ask for more than the build was granted. */
export function permitProcess(granted: ReadonlySet<string>, refusedDevices: RefusedDevices = byName): (asked: AskedRights) => void {
  const named = new Set(
    [...granted].flatMap((each) => (each.startsWith('device=') ? [each.slice('device='.length).split(',')[0] ?? ''] : [])),
  );
  return ({ hostNetwork, insecure, devices }) => {
    if (hostNetwork && !granted.has('network.host')) throw forbidden('network.host is not allowed');
    if (insecure && !granted.has('security.insecure')) throw forbidden('security.insecure is not allowed');
    const refused = granted.has('device') || devices.length === 0 ? [] : refusedDevices(devices, named);
    const names = refused.join(', ');
    if (refused.length === 1) throw forbidden(`device ${names} is requested by the build but not allowed`);
    if (refused.length > 1) throw forbidden(`devices ${names} are requested by the build but not allowed`);
  };
}

/** Refuses steps that ask for more than the build was granted. */
export function permit(granted: ReadonlySet<string>, refusedDevices?: RefusedDevices): (op: Op) => void {
  const check = permitProcess(granted, refusedDevices);
  return ({ exec }) => {
    if (exec === undefined) return;
    check({ hostNetwork: exec.network === NetMode.HOST, insecure: exec.security === SecurityMode.INSECURE, devices: exec.cdiDevices });
  };
}
