// SPDX-License-Identifier: Apache-2.0
// svad: describe short videos in fine spatial and temporal detail, in C++20 with no framework.
// The door: this header is everything. To read the library, go from models/svad_vlm.hpp (the paper's figure) down to
// ops/norm.hpp (what an op looks like) and autograd/op.hpp (why); README.md beside this file is the map.
#pragma once

// core/: values: errors, dtypes, shapes, tensors, random numbers, threads.
#include "svad/core/config.hpp"
#include "svad/core/dtype.hpp"
#include "svad/core/error.hpp"
#include "svad/core/parallel.hpp"
#include "svad/core/random.hpp"
#include "svad/core/shape.hpp"
#include "svad/core/storage.hpp"
#include "svad/core/tensor.hpp"
#include "svad/core/view.hpp"

// io/: files, gzip, GGUF, JSON, safetensors, event files.
#include "svad/io/file.hpp"
#include "svad/io/gguf.hpp"
#include "svad/io/gzip.hpp"
#include "svad/io/json.hpp"
#include "svad/io/safetensors.hpp"
#include "svad/io/safetensors_header.hpp"
#include "svad/io/tensorboard.hpp"

// backend/: loops, SIMD functions, products, attention on the CPU.
#include "svad/backend/cpu/attention.hpp"
#include "svad/backend/cpu/gemm.hpp"
#include "svad/backend/cpu/loops.hpp"
#include "svad/backend/cpu/simd.hpp"
#include "svad/backend/cpu/tile.hpp"

// text/: Unicode, tokenizers, prompts.
#include "svad/text/bpe.hpp"
#include "svad/text/bpe_trainer.hpp"
#include "svad/text/chat.hpp"
#include "svad/text/code_pages.hpp"
#include "svad/text/json_answer.hpp"
#include "svad/text/language_model.hpp"
#include "svad/text/mojibake.hpp"
#include "svad/text/mojibake_rules.hpp"
#include "svad/text/pattern.hpp"
#include "svad/text/pattern_compile.hpp"
#include "svad/text/pretokenize.hpp"
#include "svad/text/ptb.hpp"
#include "svad/text/ptb_rules.hpp"
#include "svad/text/tokenizer.hpp"
#include "svad/text/tokenizer_file.hpp"
#include "svad/text/unicode.hpp"
#include "svad/text/upos.hpp"
#include "svad/text/words.hpp"

// video/: decoding, sampling, resizing, writing.
#include "svad/video/decoder.hpp"
#include "svad/video/ffmpeg.hpp"
#include "svad/video/input.hpp"
#include "svad/video/picture.hpp"
#include "svad/video/reader.hpp"
#include "svad/video/sampling.hpp"
#include "svad/video/transform.hpp"
#include "svad/video/writer.hpp"

// autograd/: differentiable values and the tape.
#include "svad/autograd/backward.hpp"
#include "svad/autograd/gradcheck.hpp"
#include "svad/autograd/modes.hpp"
#include "svad/autograd/op.hpp"
#include "svad/autograd/recompute.hpp"
#include "svad/autograd/var.hpp"

// ops/: the mathematics of Var.
#include "svad/ops/activation.hpp"
#include "svad/ops/attention.hpp"
#include "svad/ops/cast.hpp"
#include "svad/ops/conv.hpp"
#include "svad/ops/dropout.hpp"
#include "svad/ops/elementwise.hpp"
#include "svad/ops/embedding.hpp"
#include "svad/ops/layout.hpp"
#include "svad/ops/linear.hpp"
#include "svad/ops/loss.hpp"
#include "svad/ops/matmul.hpp"
#include "svad/ops/norm.hpp"
#include "svad/ops/ops.hpp"
#include "svad/ops/reduce.hpp"
#include "svad/ops/rope.hpp"

// nn/: parameters, modules, layers.
#include "svad/nn/attention.hpp"
#include "svad/nn/kv_cache.hpp"
#include "svad/nn/layers.hpp"
#include "svad/nn/linear.hpp"
#include "svad/nn/module.hpp"
#include "svad/nn/parameter.hpp"
#include "svad/nn/weights.hpp"

// models/: SVAD-VLM and its parts.
#include "svad/models/bert.hpp"
#include "svad/models/decoder.hpp"
#include "svad/models/dual_align.hpp"
#include "svad/models/gmhra.hpp"
#include "svad/models/hub.hpp"
#include "svad/models/keyword_head.hpp"
#include "svad/models/lmhra.hpp"
#include "svad/models/names.hpp"
#include "svad/models/presets.hpp"
#include "svad/models/qformer.hpp"
#include "svad/models/svad_vlm.hpp"
#include "svad/models/video_chat.hpp"
#include "svad/models/video_encoder.hpp"
#include "svad/models/vit.hpp"

// infer/: a video to a sentence.
#include "svad/infer/captioner.hpp"
#include "svad/infer/generate.hpp"
#include "svad/infer/search.hpp"
#include "svad/infer/svad_config.hpp"

// data/: manifests, batches, the synthetic world.
#include "svad/data/annotations.hpp"
#include "svad/data/caption_set.hpp"
#include "svad/data/frames.hpp"
#include "svad/data/keywords.hpp"
#include "svad/data/llm_keywords.hpp"
#include "svad/data/loader.hpp"
#include "svad/data/manifest.hpp"
#include "svad/data/ngram_types.hpp"
#include "svad/data/statistics.hpp"
#include "svad/data/tagged_keywords.hpp"
#include "svad/data/synth/actions.hpp"
#include "svad/data/synth/canvas.hpp"
#include "svad/data/synth/grade.hpp"
#include "svad/data/synth/grammar.hpp"
#include "svad/data/synth/products.hpp"
#include "svad/data/synth/render.hpp"
#include "svad/data/synth/scene.hpp"
#include "svad/data/synth/stage.hpp"
#include "svad/data/synth/synth.hpp"
#include "svad/data/synth/world.hpp"

// metrics/: scores of sentences.
#include "svad/metrics/caption_files.hpp"
#include "svad/metrics/cider.hpp"
#include "svad/metrics/compare.hpp"
#include "svad/metrics/corpus_scorer.hpp"
#include "svad/metrics/judge.hpp"
#include "svad/metrics/ngram.hpp"
#include "svad/metrics/report.hpp"
#include "svad/metrics/signature.hpp"
#include "svad/metrics/subsequence.hpp"
#include "svad/metrics/word_table.hpp"

// train/: optimizer, checkpoints, the loop.
#include "svad/train/checkpoint.hpp"
#include "svad/train/optimizer.hpp"
#include "svad/train/progress.hpp"
#include "svad/train/schedule.hpp"
#include "svad/train/trainer.hpp"
