export { createContainersEngine } from './compose';
