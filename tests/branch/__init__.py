"""A site that receives what others push."""
