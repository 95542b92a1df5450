import type { Status } from '@gantry/api/google/rpc/status';
import { GantryError, kindOfGrpcCode, withDetail } from '@gantry/rpc';

/** The error that a frontend returned for its build, with the details that it gave: the client gets them back as they were. */
export function returnedError({ code, message, details }: Status): GantryError {
  const error = new GantryError(kindOfGrpcCode(code), message);
  for (const { typeUrl, value } of details) withDetail(error, { typeUrl, value });
  return error;
}
