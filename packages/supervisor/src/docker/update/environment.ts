import type { SetEnvironmentRequest, SetEnvironmentResponse } from '@gantry/api/gantry/engine/v1/containers';
import { type CallContext, invalidArgument, notFound } from '@gantry/rpc';
import { emitContainerEvent, type Uses } from '../engine';
import { refuseLeaving } from './leaving';

type Needs = Uses<{ records: 'dockerNamespace' | 'requireDocker' | 'updateDocker'; events: 'emit'; queues: 'run' }>;

export type EnvironmentAsked = Pick<SetEnvironmentRequest, 'set' | 'unset'>;

/** gantry.engine.v1's SetEnvironment: variables of a container, from its next start on. */
export async function setEnvironment(engine: Needs, _caller: CallContext, request: SetEnvironmentRequest): Promise<SetEnvironmentResponse> {
  const { id } = engine.records.requireDocker(request.id);
  await engine.queues.run(id, () => Promise.resolve(changeEnvironment(engine, id, request)));
  return {};
}

export const asksForEnvironment = ({ set, unset }: EnvironmentAsked): boolean => set.length + unset.length > 0;

/** In the container's queue; one write of the record. Throws invalidArgument for what is no variable, notFound for what is not set. */
export function changeEnvironment(engine: Needs, id: string, asked: EnvironmentAsked): void {
  const { docker } = engine.records.requireDocker(id);
  refuseLeaving(docker);
  const env = changed(docker.name, docker.config?.Env ?? [], asked);
  const { docker: now } = engine.records.updateDocker(id, (current) =>
    current.config === undefined ? current : { ...current, config: { ...current.config, Env: env } },
  );
  emitContainerEvent(engine, id, now, 'set-env', { names: [...asked.set.map(nameOf), ...asked.unset].join(',') });
}

const nameOf = (entry: string): string => entry.split('=', 1)[0] ?? '';

function changed(container: string, before: readonly string[], { set, unset }: EnvironmentAsked): string[] {
  let env = [...before];
  for (const name of unset) {
    if (name === '' || name.includes('=')) throw invalidArgument(`invalid environment variable: ${name}`);
    const left = env.filter((entry) => nameOf(entry) !== name);
    if (left.length === env.length) throw notFound(`environment variable ${name} is not set in container ${container}`);
    env = left;
  }
  for (const entry of set) {
    if (!/^[^=\0]+=[^\0]*$/.test(entry)) throw invalidArgument(`invalid environment variable: ${entry}`);
    const at = env.findIndex((other) => nameOf(other) === nameOf(entry));
    // Where it stood: the order is what programs see.
    env =
      at < 0 ? [...env, entry] : env.flatMap((other, index) => (index === at ? [entry] : nameOf(other) === nameOf(entry) ? [] : [other]));
  }
  return env;
}
