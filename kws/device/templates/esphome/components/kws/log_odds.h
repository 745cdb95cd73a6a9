#pragma once

#include <cmath>
#include <cstdint>

namespace esphome::kws {

/// A posterior of four decimals as the engine's log-odds with 10 fractional bits: the integer that
/// `kws listen --threshold` makes of the same decimals. Outside 0.0001 to 0.9999 it takes the end.
inline int16_t log_odds_q10(float posterior) {
  double steps = std::round(posterior * 10000.0);  // a float is not the decimal that was meant
  steps = steps < 1.0 ? 1.0 : steps > 9999.0 ? 9999.0 : steps;
  const double exact = steps / 10000.0;
  return static_cast<int16_t>(std::lround(std::log(exact / (1.0 - exact)) * 1024.0));
}

/// The posterior of a score.
inline float posterior_of(int16_t score_q10) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-score_q10 / 1024.0)));
}

}  // namespace esphome::kws
