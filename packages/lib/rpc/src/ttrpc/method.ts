import type { MethodDefinition } from '@grpc/grpc-js';
import { notImplemented } from '../errors';

export type UnaryMethod = MethodDefinition<unknown, unknown>;

/** `/package.Service/Method` as ttrpc says it. */
export function splitPath(path: string): { readonly service: string; readonly method: string } {
  const slash = path.lastIndexOf('/');
  return { service: path.slice(1, slash), method: path.slice(slash + 1) };
}

/** Refuses what ttrpc's unary calls cannot carry, by the method's name. */
export function unaryOnly(method: UnaryMethod): UnaryMethod {
  if (method.requestStream || method.responseStream)
    throw notImplemented(`${method.path} is a stream; only unary calls travel over ttrpc here`);
  return method;
}
