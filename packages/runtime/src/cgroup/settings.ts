/** One value for one file of a controller. */
export interface Setting {
  /** v1: the subsystem; v2: the controller that must be enabled; `unified` on v1: only possible on v2. */
  readonly controller: string;
  readonly file: string;
  readonly value: string;
  /** Another name of the same file on some kernels. */
  readonly alternative?: string;
  /** What a host without this file lacks; then the setting becomes a warning. */
  readonly optionalWhenMissing?: string;
  /** A host without it must not run the container: safety depends on it. */
  readonly required?: boolean;
}
