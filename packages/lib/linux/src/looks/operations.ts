/** What a look found; `fd` is a descriptor that came with it, to be closed by who asked. */
export interface Found<T> {
  readonly value: T;
  readonly fd?: number;
}

/** Synchronous functions by name. Arguments and values are plain data; thrown errors keep their kind and code. */
export type Operations = Readonly<Record<string, (...args: never[]) => Found<unknown>>>;

/** An error on its way between processes. */
export interface PackedError {
  readonly kind: string | undefined;
  readonly message: string;
  readonly meta: Readonly<Record<string, string | number | boolean>>;
  readonly code: string | undefined;
}

export type Question = { readonly id: number; readonly name: string; readonly args: readonly unknown[] } | { readonly close: number };

export type Answer = { readonly id: number; readonly found: Found<unknown> } | { readonly id: number; readonly error: PackedError };
