import { type ContainerState, ListContainersResponse, RuntimeServiceService } from '@gantry/api/runtime/v1/api';
import type { Contained } from './record';
import { itemOf } from './status';

interface Row {
  readonly state: ContainerState;
  readonly bytes: Uint8Array;
}

/** By what was read of a record: a record that changes is read anew, and is another one. */
const rows = new WeakMap<Contained, Row>();

/** A container as a list's answer has it in its bytes: written once for each state, for as long as the record does not change. */
export function rowOf(container: Contained, state: ContainerState): Uint8Array {
  const known = rows.get(container);
  if (known?.state === state) return known.bytes;
  const bytes = ListContainersResponse.encode({ containers: [itemOf(container, state)] }).finish();
  rows.set(container, { state, bytes });
  return bytes;
}

/** The answer of a list whose rows are written already. */
class Written implements ListContainersResponse {
  readonly containers = [];
  constructor(readonly rows: readonly Uint8Array[]) {}
}

export const writtenList = (bytes: readonly Uint8Array[]): ListContainersResponse => new Written(bytes);

/** The service, whose lists may be written already: messages of a repeated field, one behind the other, are the list's message. */
export const runtimeService = {
  ...RuntimeServiceService,
  listContainers: {
    ...RuntimeServiceService.listContainers,
    responseSerialize: (value: ListContainersResponse): Buffer =>
      value instanceof Written ? Buffer.concat(value.rows) : RuntimeServiceService.listContainers.responseSerialize(value),
  },
};
