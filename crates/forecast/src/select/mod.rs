//! Rolling-origin backtests, selection and fusion of models.
