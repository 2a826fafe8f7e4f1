//! The programs in the workspace's README and in the chapters of the book, compiled and run as tests of the
//! documentation. This library holds nothing else.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct English;

#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/src/soft-targets.md")]
    struct SoftTargets;
    #[doc = include_str!("../../docs/src/distillation-or-transfer.md")]
    struct DistillationOrTransfer;
    #[doc = include_str!("../../docs/src/replay.md")]
    struct Replay;
    #[doc = include_str!("../../docs/src/buffer-size.md")]
    struct BufferSize;
    #[doc = include_str!("../../docs/src/prioritized-or-uniform.md")]
    struct PrioritizedOrUniform;
    #[doc = include_str!("../../docs/src/offline.md")]
    struct Offline;
    #[doc = include_str!("../../docs/src/together.md")]
    struct Together;
    #[doc = include_str!("../../docs/src/from-another-framework.md")]
    struct FromAnotherFramework;
}

#[cfg(test)]
mod tests {
    /// What is between fences.
    fn programs(text: &str) -> Vec<&str> {
        text.split("```").skip(1).step_by(2).filter(|code| code.starts_with("rust")).collect()
    }

    #[test]
    fn both_readmes_show_the_same_programs() {
        let english = programs(include_str!("../../README.md"));
        assert_eq!(english.len(), 3);
        assert_eq!(english, programs(include_str!("../../README.zh-CN.md")));
    }
}
