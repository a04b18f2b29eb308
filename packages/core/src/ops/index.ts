export { attention, type Rotary, selfAttention } from './attention.ts';
export { activate, add, multiply, scale, swiglu } from './elementwise.ts';
export { conv2d, resizeGrid } from './images.ts';
export { concat, reshape, slice, transpose } from './layout.ts';
export { linear } from './linear.ts';
export { layerNorm, rmsNorm } from './norms.ts';
export { embed, lastToken, putRows, takeRows, topK } from './rows.ts';
